"""One file per kind of recording. All paths are relative to the folder of the cases."""

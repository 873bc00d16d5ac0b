// Runs beside the page, where the browser hands out sound: hears the microphone and passes on a tenth of a second at a time, as
// 16-bit samples. Told to stop, it passes on the rest, then nothing more.
registerProcessor('microphone', class extends AudioWorkletProcessor {
  piece = new Int16Array(Math.round(sampleRate / 10));

  filled = 0;

  stopped = false;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.stopped = true;
      this.port.postMessage(this.piece.slice(0, this.filled));
      this.port.postMessage(null);
    };
  }

  process([[channel]]) {
    for (const sample of this.stopped ? [] : channel ?? []) {
      this.piece[this.filled] = 32767 * Math.max(-1, Math.min(1, sample));
      this.filled += 1;
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece);
        this.filled = 0;
      }
    }
    return !this.stopped;
  }
});

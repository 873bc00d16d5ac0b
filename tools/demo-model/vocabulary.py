"""What the demo model understands: ten digits and some forty everyday words and phrases in five languages.

An entry is a meaning, said in every language. A sequence of entries translates entry by entry, in the same order, so
that a spoken sequence has exactly one right transcription and one right translation into each other language.
"""

import unicodedata

LANGUAGES = ("ben", "eng", "hin", "tam", "tel")

#     eng                    hin                    ben                 tam                       tel
DIGITS = """
      zero                 | शून्य                  | শূন্য               | பூஜ்ஜியம்                | సున్నా
      one                  | एक                    | এক                | ஒன்று                    | ఒకటి
      two                  | दो                     | দুই                | இரண்டு                  | రెండు
      three                | तीन                    | তিন               | மூன்று                   | మూడు
      four                 | चार                    | চার               | நான்கு                   | నాలుగు
      five                 | पाँच                   | পাঁচ               | ஐந்து                    | ఐదు
      six                  | छह                    | ছয়                | ஆறு                      | ఆరు
      seven                | सात                   | সাত               | ஏழு                      | ఏడు
      eight                | आठ                    | আট                | எட்டு                    | ఎనిమిది
      nine                 | नौ                     | নয়                | ஒன்பது                   | తొమ్మిది
"""

PHRASES = """
      yes                  | हाँ                    | হ্যাঁ               | ஆம்                      | అవును
      no                   | नहीं                   | না                | இல்லை                   | కాదు
      stop                 | रुको                   | থামো              | நிறுத்து                  | ఆపు
      play                 | चलाओ                  | চালাও             | இயக்கு                   | ప్లే చేయి
      today                | आज                    | আজ                | இன்று                    | ఈరోజు
      tomorrow             | कल                    | আগামীকাল         | நாளை                    | రేపు
      the weather today    | आज का मौसम           | আজকের আবহাওয়া   | இன்றைய வானிலை         | నేటి వాతావరణం
      left                 | बाएँ                    | বামে               | இடது                    | ఎడమ
      right                | दाएँ                    | ডানে               | வலது                    | కుడి
      up                   | ऊपर                   | উপরে              | மேலே                    | పైకి
      down                 | नीचे                    | নিচে               | கீழே                     | కిందికి
      forward              | आगे                    | সামনে             | முன்னால்                 | ముందుకు
      back                 | पीछे                    | পিছনে             | பின்னால்                 | వెనక్కి
      quickly              | जल्दी                   | তাড়াতাড়ি          | விரைவாக                 | త్వరగా
      slowly               | धीरे                    | আস্তে              | மெதுவாக                 | నెమ్మదిగా
      turn on the light    | बत्ती जलाओ             | আলো জ্বালাও       | விளக்கை ஏற்று            | లైటు వెలిగించు
      turn off the light   | बत्ती बुझाओ             | আলো নেভাও        | விளக்கை அணை            | లైటు ఆర్పు
      open the door        | दरवाज़ा खोलो           | দরজা খোলো        | கதவைத் திற              | తలుపు తెరువు
      close the door       | दरवाज़ा बंद करो        | দরজা বন্ধ করো     | கதவை மூடு               | తలుపు మూయి
      set an alarm         | अलार्म लगाओ           | অ্যালার্ম দাও       | அலாரம் வை              | అలారం పెట్టు
      increase the volume  | आवाज़ बढ़ाओ            | আওয়াজ বাড়াও      | ஒலியைக் கூட்டு           | ధ్వని పెంచు
      call mother          | माँ को फ़ोन करो         | মাকে ফোন করো     | அம்மாவை அழை            | అమ్మకు ఫోన్ చేయి
      what time is it      | कितने बजे हैं            | কটা বাজে          | மணி என்ன                | సమయం ఎంత
      how are you          | आप कैसे हैं              | কেমন আছেন        | எப்படி இருக்கிறீர்கள்     | ఎలా ఉన్నారు
      hello                | नमस्ते                  | নমস্কার            | வணக்கம்                 | నమస్కారం
      good morning         | सुप्रभात                | সুপ্রভাত           | காலை வணக்கம்           | శుభోదయం
      good night           | शुभ रात्रि              | শুভ রাত্রি          | இனிய இரவு               | శుభ రాత్రి
      thank you            | धन्यवाद                | ধন্যবাদ            | நன்றி                    | ధన్యవాదాలు
      please               | कृपया                  | দয়া করে           | தயவுசெய்து               | దయచేసి
      help                 | मदद                   | সাহায্য            | உதவி                    | సహాయం
      water                | पानी                   | জল                | தண்ணீர்                  | నీరు
      milk                 | दूध                     | দুধ                | பால்                     | పాలు
      food                 | खाना                   | খাবার             | உணவு                    | ఆహారం
      house                | घर                     | বাড়ি              | வீடு                     | ఇల్లు
      school               | विद्यालय               | বিদ্যালয়          | பள்ளி                    | పాఠశాల
      market               | बाज़ार                  | বাজার             | சந்தை                   | బజారు
      hospital             | अस्पताल                | হাসপাতাল          | மருத்துவமனை             | ఆసుపత్రి
      train                | रेलगाड़ी                | ট্রেন               | ரயில்                    | రైలు
      rain                 | बारिश                  | বৃষ্টি              | மழை                     | వర్షం
      red                  | लाल                    | লাল               | சிவப்பு                  | ఎరుపు
      green                | हरा                    | সবুজ              | பச்சை                   | ఆకుపచ్చ
      blue                 | नीला                   | নীল               | நீலம்                    | నీలం
"""


def _table(text):
    rows = []
    for line in filter(None, map(str.strip, text.splitlines())):
        # The form that the tokenizer's normaliser gives back, so that references and outputs compare as they are.
        said = [unicodedata.normalize("NFKC", cell.strip()) for cell in line.split("|")]
        rows.append(dict(zip(("eng", "hin", "ben", "tam", "tel"), said, strict=True)))
    return rows


ENTRIES = _table(DIGITS) + _table(PHRASES)
DIGIT_IDS = range(10)
PHRASE_IDS = range(10, len(ENTRIES))


def text(language, entries):
    """The sequence of entries as it is written in a language."""
    return " ".join(ENTRIES[e][language] for e in entries)

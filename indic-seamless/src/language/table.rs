//! The table of languages: one row each, in the order of their codes.

/// What is known of a language.
pub(super) struct Row {
    /// ISO 639-3; with a script for Chinese in traditional characters.
    pub(super) code: &'static str,
    /// The English name.
    pub(super) name: &'static str,
    /// The ISO 639-1 code, or nothing.
    pub(super) iso639_1: &'static str,
    /// The ISO 15924 code of the script that the model writes it in.
    pub(super) script: &'static str,
    /// More codes, separated by blanks: of ISO 639-2, of the macrolanguage, and retired ones.
    codes: &'static str,
    /// More names, separated by commas: in English and in the language itself.
    names: &'static str,
}

impl Row {
    /// The codes that a language tag can begin with.
    pub(super) fn codes(&self) -> impl Iterator<Item = &'static str> {
        [self.code, self.iso639_1].into_iter().chain(self.codes.split(' ')).filter(|code| !code.is_empty())
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name].into_iter().chain(self.names.split(", ")).filter(|name| !name.is_empty())
    }
}

const fn row(
    code: &'static str,
    name: &'static str,
    iso639_1: &'static str,
    script: &'static str,
    codes: &'static str,
    names: &'static str,
) -> Row {
    Row { code, name, iso639_1, script, codes, names }
}

/// Codes, names and scripts of the [languages of SeamlessM4T v2][m4t], and of Santali. Names that a language has in a script
/// that the model does not write it in are left out.
///
/// [m4t]: https://github.com/facebookresearch/seamless_communication/blob/main/docs/m4t/README.md#supported-languages
#[rustfmt::skip]
pub(super) const TABLE: [Row; 98] = [
    row("afr", "Afrikaans", "af", "Latn", "", ""),
    row("amh", "Amharic", "am", "Ethi", "", "አማርኛ"),
    row("arb", "Modern Standard Arabic", "ar", "Arab", "ara", "Arabic, Standard Arabic, العربية"),
    row("ary", "Moroccan Arabic", "", "Arab", "", "Darija, الدارجة"),
    row("arz", "Egyptian Arabic", "", "Arab", "", "Egyptian, Masri, المصرية"),
    row("asm", "Assamese", "as", "Beng", "", "Asamiya, Axomiya, অসমীয়া"),
    row("azj", "North Azerbaijani", "az", "Latn", "aze", "Azerbaijani, Azeri, Azərbaycanca, Azərbaycan dili"),
    row("bel", "Belarusian", "be", "Cyrl", "", "Byelorussian, Беларуская"),
    row("ben", "Bengali", "bn", "Beng", "", "Bangla, বাংলা"),
    row("bos", "Bosnian", "bs", "Latn", "", "Bosanski"),
    row("bul", "Bulgarian", "bg", "Cyrl", "", "Български"),
    row("cat", "Catalan", "ca", "Latn", "", "Català, Valencian"),
    row("ceb", "Cebuano", "", "Latn", "", "Bisaya, Binisaya, Sinugboanon"),
    row("ces", "Czech", "cs", "Latn", "cze", "Čeština"),
    row("ckb", "Central Kurdish", "", "Arab", "", "Sorani, Sorani Kurdish, Kurdish Sorani, سۆرانی"),
    row("cmn", "Mandarin Chinese", "zh", "Hans", "zho chi", "Chinese, Mandarin, Simplified Chinese, Chinese Simplified, 中文, 汉语, 普通话, 简体中文"),
    row("cmn_Hant", "Traditional Chinese", "", "Hant", "", "Chinese Traditional, 繁體中文, 正體中文, 國語"),
    row("cym", "Welsh", "cy", "Latn", "wel", "Cymraeg"),
    row("dan", "Danish", "da", "Latn", "", "Dansk"),
    row("deu", "German", "de", "Latn", "ger", "Deutsch"),
    row("ell", "Greek", "el", "Grek", "gre", "Modern Greek, Ελληνικά"),
    row("eng", "English", "en", "Latn", "", ""),
    row("est", "Estonian", "et", "Latn", "ekk", "Eesti"),
    row("eus", "Basque", "eu", "Latn", "baq", "Euskara"),
    row("fin", "Finnish", "fi", "Latn", "", "Suomi"),
    row("fra", "French", "fr", "Latn", "fre", "Français"),
    row("fuv", "Nigerian Fulfulde", "ff", "Latn", "ful", "Fulfulde, Fula, Fulah"),
    row("gaz", "West Central Oromo", "om", "Latn", "orm", "Oromo, Afaan Oromoo"),
    row("gle", "Irish", "ga", "Latn", "", "Gaeilge"),
    row("glg", "Galician", "gl", "Latn", "", "Galego"),
    row("guj", "Gujarati", "gu", "Gujr", "", "ગુજરાતી"),
    row("heb", "Hebrew", "he", "Hebr", "iw", "עברית"),
    row("hin", "Hindi", "hi", "Deva", "", "हिन्दी, हिंदी"),
    row("hrv", "Croatian", "hr", "Latn", "", "Hrvatski"),
    row("hun", "Hungarian", "hu", "Latn", "", "Magyar"),
    row("hye", "Armenian", "hy", "Armn", "arm", "Eastern Armenian, Հայերեն"),
    row("ibo", "Igbo", "ig", "Latn", "", "Asụsụ Igbo"),
    row("ind", "Indonesian", "id", "Latn", "in", "Bahasa Indonesia"),
    row("isl", "Icelandic", "is", "Latn", "ice", "Íslenska"),
    row("ita", "Italian", "it", "Latn", "", "Italiano"),
    row("jav", "Javanese", "jv", "Latn", "jw", "Basa Jawa"),
    row("jpn", "Japanese", "ja", "Jpan", "", "日本語"),
    row("kan", "Kannada", "kn", "Knda", "", "ಕನ್ನಡ"),
    row("kat", "Georgian", "ka", "Geor", "geo", "ქართული"),
    row("kaz", "Kazakh", "kk", "Cyrl", "", "Қазақша, Қазақ тілі"),
    row("khk", "Halh Mongolian", "mn", "Cyrl", "mon", "Mongolian, Khalkha Mongolian, Монгол"),
    row("khm", "Khmer", "km", "Khmr", "", "Central Khmer, Cambodian, ខ្មែរ, ភាសាខ្មែរ"),
    row("kir", "Kyrgyz", "ky", "Cyrl", "", "Kirghiz, Кыргызча"),
    row("kor", "Korean", "ko", "Kore", "", "한국어"),
    row("lao", "Lao", "lo", "Laoo", "", "Laotian, ລາວ, ພາສາລາວ"),
    row("lit", "Lithuanian", "lt", "Latn", "", "Lietuvių"),
    row("lug", "Ganda", "lg", "Latn", "", "Luganda"),
    row("luo", "Luo", "", "Latn", "", "Dholuo"),
    row("lvs", "Standard Latvian", "lv", "Latn", "lav", "Latvian, Latviešu"),
    row("mai", "Maithili", "", "Deva", "", "मैथिली"),
    row("mal", "Malayalam", "ml", "Mlym", "", "മലയാളം"),
    row("mar", "Marathi", "mr", "Deva", "", "मराठी"),
    row("mkd", "Macedonian", "mk", "Cyrl", "mac", "Македонски"),
    row("mlt", "Maltese", "mt", "Latn", "", "Malti"),
    row("mni", "Manipuri", "", "Beng", "", "Meitei, Meetei, Meiteilon, মৈতৈলোন্"),
    row("mya", "Burmese", "my", "Mymr", "bur", "Myanmar, မြန်မာ, မြန်မာဘာသာ"),
    row("nld", "Dutch", "nl", "Latn", "dut", "Flemish, Nederlands"),
    row("nno", "Norwegian Nynorsk", "nn", "Latn", "", "Nynorsk"),
    row("nob", "Norwegian Bokmål", "nb", "Latn", "no nor", "Norwegian, Bokmål, Norsk"),
    row("npi", "Nepali", "ne", "Deva", "nep", "नेपाली"),
    row("nya", "Nyanja", "ny", "Latn", "", "Chichewa, Chinyanja, Chewa"),
    row("ory", "Odia", "or", "Orya", "ori", "Oriya, ଓଡ଼ିଆ"),
    row("pan", "Punjabi", "pa", "Guru", "", "Panjabi, Eastern Punjabi, Eastern Panjabi, ਪੰਜਾਬੀ"),
    row("pbt", "Southern Pashto", "ps", "Arab", "pus", "Pashto, Pushto, پښتو"),
    row("pes", "Western Persian", "fa", "Arab", "fas per", "Persian, Farsi, Iranian Persian, فارسی"),
    row("pol", "Polish", "pl", "Latn", "", "Polski"),
    row("por", "Portuguese", "pt", "Latn", "", "Português"),
    row("ron", "Romanian", "ro", "Latn", "rum mo mol", "Moldovan, Română"),
    row("rus", "Russian", "ru", "Cyrl", "", "Русский"),
    row("sat", "Santali", "", "Olck", "", "Santhali, ᱥᱟᱱᱛᱟᱲᱤ"),
    row("slk", "Slovak", "sk", "Latn", "slo", "Slovenčina"),
    row("slv", "Slovenian", "sl", "Latn", "", "Slovene, Slovenščina"),
    row("sna", "Shona", "sn", "Latn", "", "ChiShona"),
    row("snd", "Sindhi", "sd", "Arab", "", "سنڌي"),
    row("som", "Somali", "so", "Latn", "", "Soomaali"),
    row("spa", "Spanish", "es", "Latn", "", "Castilian, Español, Castellano"),
    row("srp", "Serbian", "sr", "Cyrl", "", "Српски"),
    row("swe", "Swedish", "sv", "Latn", "", "Svenska"),
    row("swh", "Swahili", "sw", "Latn", "swa", "Kiswahili"),
    row("tam", "Tamil", "ta", "Taml", "", "தமிழ்"),
    row("tel", "Telugu", "te", "Telu", "", "తెలుగు"),
    row("tgk", "Tajik", "tg", "Cyrl", "", "Тоҷикӣ"),
    row("tgl", "Tagalog", "tl", "Latn", "fil", "Filipino, Pilipino"),
    row("tha", "Thai", "th", "Thai", "", "ไทย, ภาษาไทย"),
    row("tur", "Turkish", "tr", "Latn", "", "Türkçe"),
    row("ukr", "Ukrainian", "uk", "Cyrl", "", "Українська"),
    row("urd", "Urdu", "ur", "Arab", "", "اردو"),
    row("uzn", "Northern Uzbek", "uz", "Latn", "uzb", "Uzbek, Oʻzbekcha, O'zbek"),
    row("vie", "Vietnamese", "vi", "Latn", "", "Tiếng Việt"),
    row("yor", "Yoruba", "yo", "Latn", "", ""),
    row("yue", "Cantonese", "", "Hant", "", "Yue Chinese, Cantonese Chinese, 粵語, 粤语, 廣東話, 广东话"),
    row("zlm", "Colloquial Malay", "ms", "Latn", "may msa zsm", "Malay, Standard Malay, Bahasa Melayu"),
    row("zul", "Zulu", "zu", "Latn", "", "isiZulu"),
];

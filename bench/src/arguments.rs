//! `KEY=VALUE` on the command line.

/// What was said on the command line.
pub struct Arguments<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Arguments<'a> {
    /// Reads `KEY=VALUE` words; others are refused.
    pub fn new(words: &[&'a str]) -> Self {
        let pair = |word: &&'a str| match word.split_once('=') {
            Some(pair) => pair,
            None => crate::fail(&format!("`{word}` is not KEY=VALUE")),
        };
        Arguments(words.iter().map(pair).collect())
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// The number of a key.
    pub fn number(&self, key: &str, otherwise: usize) -> usize {
        let Some(text) = self.text(key) else { return otherwise };
        text.replace('_', "")
            .parse()
            .unwrap_or_else(|_| crate::fail(&format!("{key}: `{text}` is no number")))
    }
}

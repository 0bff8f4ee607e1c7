//! Expressions of Prana being put together, with as many parentheses as they need.

/// How tightly an expression holds together, the loosest first.
pub(in crate::n8n) mod level {
    pub const CONDITIONAL: u8 = 0;
    pub const COALESCE: u8 = 1;
    pub const OR: u8 = 2;
    pub const AND: u8 = 3;
    pub const NOT: u8 = 4;
    pub const COMPARE: u8 = 5;
    pub const PIPE: u8 = 6;
    pub const ADD: u8 = 7;
    pub const MULTIPLY: u8 = 8;
    pub const NEGATE: u8 = 9;
    pub const ATOM: u8 = 10;
}

/// What is known of a value before anything runs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::n8n) enum Shape {
    Any,
    Bool,
    Number,
    Text,
    List,
    Map,
    /// A time, and the time zone it is shown in; UTC if none.
    Date(Option<String>),
    /// A difference of two times, in this unit.
    Difference(String),
    /// The first match of a pattern: the text it is looked for in, and the pattern.
    Match(String, String),
    /// An item of n8n, which has its data in `json`.
    Item,
    /// A list of them.
    Items,
    /// What has no value of its own.
    Special(Special),
}

/// A name that means something only with what follows it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::n8n) enum Special {
    /// `$input`
    Input,
    /// `$node`
    NodeTable,
    /// `$node["x"]` and `$('x')`
    Node(String),
    /// `$node["x"].context` and `$('x').context`
    Context(String),
    Env,
    Vars,
    Workflow,
    Execution,
    PrevNode,
    /// `Math`, `JSON`, `Object`...
    Class(&'static str),
}

/// An expression of Prana.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::n8n) struct Out {
    pub text: String,
    pub level: u8,
    pub shape: Shape,
}

impl Out {
    pub fn new(text: impl Into<String>, level: u8, shape: Shape) -> Out {
        Out { text: text.into(), level, shape }
    }

    pub fn atom(text: impl Into<String>, shape: Shape) -> Out {
        Out::new(text, level::ATOM, shape)
    }

    pub fn special(special: Special) -> Out {
        Out::atom("", Shape::Special(special))
    }

    /// Text in quotes.
    pub fn literal(text: &str) -> Out {
        Out::atom(quoted(text), Shape::Text)
    }

    /// The text, in parentheses if it holds together less tightly than that.
    pub fn at(&self, level: u8) -> String {
        if self.level >= level { self.text.clone() } else { format!("({})", self.text) }
    }

    pub fn shaped(self, shape: Shape) -> Out {
        Out { shape, ..self }
    }

    /// `self | filter`
    pub fn pipe(&self, filter: impl std::fmt::Display, shape: Shape) -> Out {
        Out::new(format!("{} | {filter}", self.at(level::PIPE)), level::PIPE, shape)
    }

    pub fn binary(&self, mark: &str, right: &Out, level: u8, shape: Shape) -> Out {
        Out::new(format!("{} {mark} {}", self.at(level), right.at(level + 1)), level, shape)
    }

    /// `self == right` and the like.
    pub fn compare(&self, mark: &str, right: &Out) -> Out {
        let text = format!("{} {mark} {}", self.at(level::PIPE), right.at(level::PIPE));
        Out::new(text, level::COMPARE, Shape::Bool)
    }

    pub fn not(&self) -> Out {
        Out::new(format!("not {}", self.at(level::NOT)), level::NOT, Shape::Bool)
    }

    pub fn and(&self, right: &Out) -> Out {
        self.binary("and", right, level::AND, Shape::Bool)
    }

    pub fn or(&self, right: &Out) -> Out {
        self.binary("or", right, level::OR, Shape::Bool)
    }

    pub fn choose(&self, then: &Out, otherwise: &Out, shape: Shape) -> Out {
        let test = self.at(level::COALESCE);
        let text = format!("{test} ? {} : {}", then.at(level::COALESCE), otherwise.text);
        Out::new(text, level::CONDITIONAL, shape)
    }

    /// `self.name`
    pub fn field(&self, name: &str) -> Out {
        let base = self.at(level::ATOM);
        let text = match name {
            // The name of the input port comes before that of a field.
            "main" if base == "$input" => "$input.main.main".to_owned(),
            name if is_word(name) => format!("{base}.{name}"),
            name => format!("{base}[{}]", quoted(name)),
        };
        Out::atom(text, Shape::Any)
    }

    /// `self[index]`
    pub fn index(&self, index: &str) -> Out {
        Out::atom(format!("{}[{index}]", self.at(level::ATOM)), Shape::Any)
    }

    /// A number, made of text if it isn't one; null stays null.
    pub fn number(&self) -> Out {
        if self.shape == Shape::Number {
            return self.clone();
        }
        let number = self.pipe("to_string | parse_json", Shape::Number);
        number.binary("+", &Out::atom("0", Shape::Number), level::ADD, Shape::Number)
    }

    /// `{{ self }}`
    pub fn template(&self) -> String {
        format!("{{{{ {} }}}}", self.text)
    }
}

/// A name that can stand after a dot.
pub(in crate::n8n) fn is_word(name: &str) -> bool {
    let mut chars = name.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    begins && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Text as Prana reads it.
pub(in crate::n8n) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

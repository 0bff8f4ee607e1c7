//! `sort`, with the functions that people write for it.

use super::{Js, Kind, Out, Shape, Translator};

impl Translator<'_> {
    pub(super) fn sorted(&mut self, base: &Out, args: &[Js], inner: &Shape) -> Result<Out, String> {
        let shape = if *inner == Shape::Item { Shape::Items } else { Shape::List };
        match args {
            // By their texts, even if they are numbers.
            [] if shape == Shape::List => Ok(base.pipe("sort_by(x => x | to_string)", shape)),
            [Js { kind: Kind::Text(field), .. }] => {
                Ok(base.pipe(format!("sort({})", super::quoted(field)), shape))
            }
            [Js { kind: Kind::Arrow(params, body), .. }] if params.len() == 2 => {
                let (key, descends) = self.sort_key(&params[0], &params[1], body, inner)?;
                let descends = if descends { ", desc=true" } else { "" };
                Ok(base.pipe(format!("sort_by(x => {key}{descends})"), shape))
            }
            _ => Err("this way to sort is not translated".to_owned()),
        }
    }

    /// What `a.x - b.x` and `a.x.localeCompare(b.x)` sort by, and whether the largest comes first.
    fn sort_key(&mut self, a: &str, b: &str, body: &Js, inner: &Shape) -> Result<(String, bool), String> {
        let other = || {
            "a function for `sort` is only translated as `(a, b) => a.x - b.x` or with `localeCompare`"
                .to_owned()
        };
        let (left, right) = match &body.kind {
            Kind::Binary("-", left, right) => (&**left, &**right),
            Kind::Call(callee, args) => {
                match (&callee.kind, &args[..]) {
                    (Kind::Member(left, name), [right]) if name == "localeCompare" => {
                        self.note("texts are sorted by their characters here, and by the rules of a language in n8n");
                        (&**left, right)
                    }
                    _ => return Err(other()),
                }
            }
            _ => return Err(other()),
        };
        let mut of =
            |name: &str, side: &Js| {
                let before = self.locals.len();
                self.locals.push((name.to_owned(), Out::atom("x", inner.clone())));
                let out = self.value(side);
                self.locals.truncate(before);
                out.map(|out| {
                    if matches!(out.shape, Shape::Date(_)) { self.milliseconds(&out).text } else { out.text }
                })
            };
        match (of(a, left), of(b, right)) {
            (Ok(left), Ok(right)) if left == right && left.contains('x') => return Ok((left, false)),
            _ => {}
        }
        match (of(b, left), of(a, right)) {
            (Ok(left), Ok(right)) if left == right => Ok((left, true)),
            _ => Err(other()),
        }
    }
}

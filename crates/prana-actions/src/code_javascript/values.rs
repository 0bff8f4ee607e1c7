//! Our values and those of JavaScript, one turned into the other without a detour through text.

use prana_template::{Map, Value};
use rquickjs::function::This;
use rquickjs::object::Property;
use rquickjs::{Array, Atom, Ctx, Function, Object, Type, Value as JsValue};

/// Integers up to this are the same as a float: `Number.MAX_SAFE_INTEGER`.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// A result is nested at most this deep.
const MAX_DEPTH: usize = prana_core::graph::MAX_OUTPUT_DEPTH as usize;

/// A result takes at most this many bytes.
pub(super) const MAX_RESULT_BYTES: usize = prana_core::graph::MAX_OUTPUT_BYTES;

/// One of ours, as JavaScript sees it. An integer that no float can hold becomes a BigInt.
pub(super) fn to_js<'js>(ctx: &Ctx<'js>, value: &Value) -> rquickjs::Result<JsValue<'js>> {
    Ok(match value {
        Value::Null => JsValue::new_null(ctx.clone()),
        Value::Bool(bool) => JsValue::new_bool(ctx.clone(), *bool),
        Value::Int(int) => return integer(ctx, *int),
        Value::Float(float) => JsValue::new_float(ctx.clone(), *float),
        Value::Str(text) => rquickjs::String::from_str(ctx.clone(), text)?.into_value(),
        Value::List(items) => {
            let array = Array::new(ctx.clone())?;
            for (index, item) in items.iter().enumerate() {
                array.set(index, to_js(ctx, item)?)?;
            }
            array.into_value()
        }
        Value::Map(map) => object(ctx, map)?.into_value(),
    })
}

fn integer<'js>(ctx: &Ctx<'js>, int: i64) -> rquickjs::Result<JsValue<'js>> {
    match i32::try_from(int) {
        Ok(small) => Ok(JsValue::new_int(ctx.clone(), small)),
        Err(_) if (-MAX_SAFE..=MAX_SAFE).contains(&int) => Ok(JsValue::new_float(ctx.clone(), int as f64)),
        Err(_) => JsValue::new_big_int(ctx.clone(), int),
    }
}

fn object<'js>(ctx: &Ctx<'js>, map: &Map) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    for (key, value) in map.iter() {
        let value = to_js(ctx, value)?;
        match &**key {
            // To set it would be to set the prototype.
            "__proto__" => {
                object.prop("__proto__", Property::from(value).writable().enumerable().configurable())?
            }
            key => object.set(key, value)?,
        }
    }
    Ok(object)
}

/// Why a result is no data.
#[derive(Debug)]
pub(super) enum Refusal {
    /// JavaScript that ran for it threw.
    Thrown(rquickjs::Error),
    /// There is no such thing in JSON.
    Invalid(String),
    /// There is more of it than may be.
    TooLarge,
    /// There is none: nothing goes on, or nothing may.
    Unsettled,
}

impl From<rquickjs::Error> for Refusal {
    fn from(error: rquickjs::Error) -> Self {
        Refusal::Thrown(error)
    }
}

/// Functions that the surroundings of a run offer.
pub(super) struct Helpers<'js> {
    /// What an object is, if it is none of plain data.
    pub kind: Function<'js>,
    /// A text with its halves of characters replaced.
    pub well_formed: Function<'js>,
}

/// Reads a result.
pub(super) struct Reader<'a, 'js> {
    helpers: &'a Helpers<'js>,
    plain: Option<Object<'js>>,
    left: usize,
    path: Vec<String>,
}

impl<'a, 'js> Reader<'a, 'js> {
    pub fn new(ctx: &Ctx<'js>, helpers: &'a Helpers<'js>) -> rquickjs::Result<Self> {
        let plain = Object::new(ctx.clone())?.get_prototype();
        Ok(Reader { helpers, plain, left: MAX_RESULT_BYTES, path: Vec::new() })
    }

    /// The whole result. What JSON leaves out (undefined) is null.
    pub fn read(&mut self, value: &JsValue<'js>) -> Result<Value, Refusal> {
        Ok(self.value(value)?.unwrap_or_default())
    }

    /// None for what JSON leaves out: undefined, functions and symbols.
    fn value(&mut self, value: &JsValue<'js>) -> Result<Option<Value>, Refusal> {
        self.spend(2)?;
        Ok(Some(match value.type_of() {
            Type::Null => Value::Null,
            Type::Bool => Value::Bool(value.as_bool().unwrap_or_default()),
            Type::Int => Value::Int(i64::from(value.as_int().unwrap_or_default())),
            Type::Float => self.number(value.as_float().unwrap_or_default())?,
            Type::BigInt => self.big(value)?,
            Type::String => Value::from(self.text(value)?),
            Type::Undefined | Type::Uninitialized | Type::Symbol | Type::Function | Type::Constructor => {
                return if self.path.is_empty() { self.nothing(value) } else { Ok(None) };
            }
            _ => return self.container(value),
        }))
    }

    /// A result that is as a whole what JSON leaves out.
    fn nothing(&self, value: &JsValue<'js>) -> Result<Option<Value>, Refusal> {
        match value.is_undefined() {
            true => Ok(None),
            false => Err(self.refusal(format!("a {}", value.type_name()))),
        }
    }

    fn number(&self, number: f64) -> Result<Value, Refusal> {
        match number {
            _ if !number.is_finite() => Err(self.refusal(number.to_string())),
            // Whole numbers stay whole, as far as each of them is the only one that it can be.
            _ if number.fract() == 0.0 && number.abs() <= MAX_SAFE as f64 => Ok(Value::Int(number as i64)),
            _ => Ok(Value::Float(number)),
        }
    }

    fn big(&self, value: &JsValue<'js>) -> Result<Value, Refusal> {
        let text: String = value.get::<rquickjs::Coerced<String>>()?.0;
        let int = text.parse().map(Value::Int);
        int.map_err(|_| self.refusal("a BigInt of more than 64 bits".to_owned()))
    }

    fn text(&mut self, value: &JsValue<'js>) -> Result<String, Refusal> {
        let text = match value.get::<String>() {
            Err(rquickjs::Error::Utf8(_)) => self.helpers.well_formed.call((value.clone(),))?,
            text => text?,
        };
        self.spend(text.len())?;
        Ok(text)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.left = self.left.checked_sub(bytes).ok_or(Refusal::TooLarge)?;
        Ok(())
    }

    fn container(&mut self, value: &JsValue<'js>) -> Result<Option<Value>, Refusal> {
        let Some(object) = value.as_object() else { return Err(self.refusal(value.type_name().to_owned())) };
        if self.path.len() >= MAX_DEPTH {
            let message = format!("the result is nested deeper than {MAX_DEPTH} levels, or contains itself");
            return Err(Refusal::Invalid(message));
        }
        if object.is_array() {
            return self.list(object).map(Some);
        }
        let to_json: JsValue<'js> = object.get("toJSON")?;
        if let Some(to_json) = to_json.as_function() {
            let stands_for: JsValue<'js> = to_json.call((This(object.clone()),))?;
            return match stands_for.is_object() {
                true => self.plain_or_list(&stands_for).map(Some),
                false => self.value(&stands_for),
            };
        }
        self.map(object).map(Some)
    }

    /// What a `toJSON` gave is not asked again.
    fn plain_or_list(&mut self, value: &JsValue<'js>) -> Result<Value, Refusal> {
        match value.as_object() {
            Some(object) if object.is_array() => self.list(object),
            Some(object) if !object.is_function() => self.map(object),
            _ => Err(self.refusal(format!("a {}", value.type_name()))),
        }
    }

    fn list(&mut self, object: &Object<'js>) -> Result<Value, Refusal> {
        let length: f64 = object.get("length")?;
        let mut items = Vec::new();
        self.spend(2 * length.max(0.0) as usize)?;
        for index in 0..length as u32 {
            let item: JsValue<'js> = object.get(index)?;
            self.path.push(format!("[{index}]"));
            items.push(self.value(&item)?.unwrap_or_default());
            self.path.pop();
        }
        Ok(Value::from(items))
    }

    fn map(&mut self, object: &Object<'js>) -> Result<Value, Refusal> {
        let prototype = object.get_prototype();
        if prototype.is_some() && prototype != self.plain {
            let kind: Option<String> = self.helpers.kind.call((object.clone(),))?;
            if let Some(kind) = kind {
                return Err(self.refusal(kind));
            }
        }
        let mut map = Map::new();
        for entry in object.props::<Atom<'js>, JsValue<'js>>() {
            let (key, value) = entry?;
            let key = self.text(&key.to_value()?)?;
            self.path.push(format!(".{key}"));
            if let Some(value) = self.value(&value)? {
                map.insert(key, value);
            }
            self.path.pop();
        }
        Ok(Value::Map(map))
    }

    fn refusal(&self, what: String) -> Refusal {
        let place = match self.path.is_empty() {
            true => "the result".to_owned(),
            false => format!("`{}` in the result", self.path.concat().trim_start_matches('.')),
        };
        Refusal::Invalid(format!("{place} is {what}, which is no data"))
    }
}

//! What a template makes of a value.

use super::parse::{Base, Call, Node, Operand};
use serde_json::Value;
use std::collections::BTreeMap;

/// What names and `.` stand for.
struct Scope<'v> {
    dot: &'v Value,
    variables: BTreeMap<String, Value>,
}

/// Makes a text of the whole value.
pub(super) fn all(nodes: &[Node], value: &Value) -> Result<String, String> {
    let mut out = String::new();
    let variables = BTreeMap::from([("$".to_owned(), value.clone())]);
    block(nodes, &Scope { dot: value, variables }, &mut out)?;
    Ok(out)
}

fn block(nodes: &[Node], scope: &Scope<'_>, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Show(pipe) => out.push_str(&shown(&pipeline(pipe, scope)?)),
            Node::If(condition, then, otherwise) => {
                let holds = is_true(&pipeline(condition, scope)?);
                block(if holds { then } else { otherwise }, scope, out)?;
            }
            Node::With(pipe, then, otherwise) => {
                let value = pipeline(pipe, scope)?;
                if is_true(&value) {
                    let inner = Scope { dot: &value, variables: scope.variables.clone() };
                    block(then, &inner, out)?;
                } else {
                    block(otherwise, scope, out)?;
                }
            }
            Node::Range { key, value, over, each, none } => {
                let items = items(pipeline(over, scope)?)?;
                if items.is_empty() {
                    block(none, scope, out)?;
                }
                for (index, item) in items {
                    let mut variables = scope.variables.clone();
                    variables.extend(key.clone().map(|name| (name, index)));
                    variables.extend(value.clone().map(|name| (name, item.clone())));
                    block(each, &Scope { dot: &item, variables }, out)?;
                }
            }
        }
    }
    Ok(())
}

/// What a loop goes over, with the key of each.
fn items(value: Value) -> Result<Vec<(Value, Value)>, String> {
    match value {
        Value::Array(list) => Ok(list.into_iter().enumerate().map(|(at, item)| (at.into(), item)).collect()),
        Value::Object(map) => Ok(map.into_iter().map(|(key, item)| (key.into(), item)).collect()),
        Value::Null => Ok(Vec::new()),
        other => Err(format!("range over {}, which is no list", shown(&other))),
    }
}

fn pipeline(pipe: &[Call], scope: &Scope<'_>) -> Result<Value, String> {
    let mut last: Option<Value> = None;
    for call in pipe {
        let arguments = call.arguments.iter().map(|argument| operand(argument, scope));
        let mut arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        arguments.extend(last.take());
        last = Some(match &call.function {
            None => arguments.pop().unwrap_or_default(),
            Some(function) => apply(function, arguments)?,
        });
    }
    Ok(last.unwrap_or_default())
}

fn operand(operand: &Operand, scope: &Scope<'_>) -> Result<Value, String> {
    let value = match &operand.of {
        Base::Dot => scope.dot.clone(),
        Base::Literal(value) => value.clone(),
        Base::Variable(name) => {
            scope.variables.get(name).cloned().ok_or_else(|| format!("there is no variable {name}"))?
        }
        Base::Pipe(pipe) => pipeline(pipe, scope)?,
    };
    Ok(operand.path.iter().fold(value, |value, name| field(value, name)))
}

/// A field, whatever the case of its name, and its underscores.
fn field(value: Value, name: &str) -> Value {
    let Value::Object(mut map) = value else { return Value::Null };
    if let Some(found) = map.remove(name) {
        return found;
    }
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let wanted = plain(name);
    map.into_iter().find(|(key, _)| plain(key) == wanted).map(|(_, found)| found).unwrap_or_default()
}

fn apply(function: &str, arguments: Vec<Value>) -> Result<Value, String> {
    let wrong = || format!("{function} does not take {} values, or not these", arguments.len());
    let one = || arguments.first().filter(|_| arguments.len() == 1).ok_or_else(wrong);
    Ok(match function {
        "json" => one()?.to_string().into(),
        "lower" => shown(one()?).to_lowercase().into(),
        "upper" => shown(one()?).to_uppercase().into(),
        "len" => match one()? {
            Value::Array(list) => list.len().into(),
            Value::Object(map) => map.len().into(),
            Value::String(text) => text.len().into(),
            _ => return Err(wrong()),
        },
        "not" => (!is_true(one()?)).into(),
        "print" | "println" => {
            let text = arguments.iter().map(shown).collect::<Vec<_>>().join(" ");
            if function == "println" { format!("{text}\n").into() } else { text.into() }
        }
        "and" => {
            arguments.iter().find(|value| !is_true(value)).or(arguments.last()).cloned().ok_or_else(wrong)?
        }
        "or" => {
            arguments.iter().find(|value| is_true(value)).or(arguments.last()).cloned().ok_or_else(wrong)?
        }
        "eq" | "ne" => match arguments.as_slice() {
            [one, other] => ((one == other) == (function == "eq")).into(),
            _ => return Err(wrong()),
        },
        "join" => match arguments.as_slice() {
            [Value::Array(list), Value::String(between)] => {
                list.iter().map(shown).collect::<Vec<_>>().join(between).into()
            }
            _ => return Err(wrong()),
        },
        "index" => index(&arguments).ok_or_else(wrong)?,
        _ => return Err(format!("there is no function {function}")),
    })
}

/// What is at each of the keys, one after the other.
fn index(arguments: &[Value]) -> Option<Value> {
    let (value, keys) = arguments.split_first()?;
    let mut value = value;
    for key in keys {
        value = match (value, key) {
            (Value::Array(list), Value::Number(at)) => list.get(usize::try_from(at.as_u64()?).ok()?)?,
            (Value::Object(map), Value::String(key)) => map.get(key).unwrap_or(&Value::Null),
            _ => return None,
        };
    }
    Some(value.clone())
}

/// As Go has it: what is empty, zero or nothing is not.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(holds) => *holds,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// As Go prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}:{}", shown(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

//! Just enough of Python's pickle to read a dictionary of byte arrays and lists of integers. Nothing in it is ever called.
//!
//! A pickle is a program for a machine with a stack. The machine here knows the instructions of protocols 1 to 4 that such
//! dictionaries use. "Calls" stay what they are, a callable beside its arguments, and are recognized when an array is
//! asked for.

use std::borrow::Cow;
use std::collections::HashMap;

/// Objects that one file may hold; a batch of CIFAR has some 100,000.
const MOST_OBJECTS: usize = 4_000_000;

type Id = usize;

#[derive(Debug)]
enum Object<'a> {
    Nothing,
    Bool(bool),
    Int(i64),
    Bytes(Cow<'a, [u8]>),
    Text(&'a str),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(&'a str, &'a str),
    Call { callable: Id, arguments: Id, state: Option<Id> },
}

/// A dictionary as it was pickled.
#[derive(Debug)]
pub struct Dict<'a> {
    objects: Vec<Object<'a>>,
    entries: Vec<(Id, Id)>,
}

/// An array of bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct ByteArray<'p> {
    /// Its dimensions; their product is the number of bytes.
    pub shape: Vec<usize>,
    /// Whether the first dimension is the fastest (Fortran's order), not the last.
    pub fortran: bool,
    /// The values.
    pub bytes: &'p [u8],
}

impl<'a> Dict<'a> {
    /// Reads a pickled dictionary.
    ///
    /// # Errors
    /// A message with the place, if the file is not one.
    pub fn read(file: &'a [u8]) -> Result<Self, String> {
        let mut machine =
            Machine { file, at: 0, objects: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        let root = machine.run().map_err(|why| format!("byte {}: {why}", machine.at))?;
        let mut objects = machine.objects;
        match &mut objects[root] {
            Object::Dict(entries) => {
                let entries = std::mem::take(entries);
                Ok(Self { objects, entries })
            }
            _ => Err("holds another pickled object, expected a dictionary".into()),
        }
    }

    /// The array of unsigned bytes under `key`.
    ///
    /// # Errors
    /// A message if there is none.
    pub fn bytes(&self, key: &str) -> Result<ByteArray<'_>, String> {
        let id = self.find(key)?;
        self.array(id).ok_or_else(|| format!("`{key}` is not an array of unsigned bytes"))
    }

    /// The list of integers under `key`.
    ///
    /// # Errors
    /// A message if there is none.
    pub fn integers(&self, key: &str) -> Result<Vec<i64>, String> {
        let Object::List(items) = &self.objects[self.find(key)?] else {
            return Err(format!("`{key}` is not a list of integers"));
        };
        let int = |id: &Id| if let Object::Int(value) = self.objects[*id] { Some(value) } else { None };
        items.iter().map(int).collect::<Option<_>>().ok_or_else(|| format!("`{key}` is not a list of integers"))
    }

    fn find(&self, key: &str) -> Result<Id, String> {
        let found = self.entries.iter().find(|(name, _)| self.text(*name) == Some(key));
        found.map(|(_, value)| *value).ok_or_else(|| format!("has no entry `{key}`"))
    }

    /// A string; those of Python 2 are bytes.
    fn text(&self, id: Id) -> Option<&str> {
        match &self.objects[id] {
            Object::Text(text) => Some(text),
            Object::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    fn tuple(&self, id: Id) -> Option<&[Id]> {
        if let Object::Tuple(items) = &self.objects[id] { Some(items) } else { None }
    }

    /// The arguments and the state of a call of `name` in a module of NumPy.
    fn call(&self, id: Id, name: &str) -> Option<(&[Id], Option<Id>)> {
        let Object::Call { callable, arguments, state } = self.objects[id] else { return None };
        match self.objects[callable] {
            Object::Global(module, global) if module.starts_with("numpy") && global == name => {
                Some((self.tuple(arguments)?, state))
            }
            _ => None,
        }
    }

    /// NumPy pickles an array as `_reconstruct(..)` with the state (version, shape, dtype, fortran, bytes).
    fn array(&self, id: Id) -> Option<ByteArray<'_>> {
        let (_, state) = self.call(id, "_reconstruct")?;
        let [_, shape, dtype, fortran, bytes] = *self.tuple(state?)? else { return None };
        let (arguments, _) = self.call(dtype, "dtype")?;
        let Object::Bool(fortran) = self.objects[fortran] else { return None };
        let Object::Bytes(bytes) = &self.objects[bytes] else { return None };
        let dimension = |id: &Id| if let Object::Int(n) = self.objects[*id] { usize::try_from(n).ok() } else { None };
        let shape: Vec<usize> = self.tuple(shape)?.iter().map(dimension).collect::<Option<_>>()?;
        let size = shape.iter().try_fold(1_usize, |size, n| size.checked_mul(*n))?;
        let is_bytes = self.text(*arguments.first()?)? == "u1";
        (is_bytes && size == bytes.len()).then_some(ByteArray { shape, fortran, bytes })
    }
}

struct Machine<'a> {
    file: &'a [u8],
    at: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, String> {
        loop {
            if self.objects.len() > MOST_OBJECTS {
                return Err(format!("more than {MOST_OBJECTS} objects"));
            }
            match self.take(1)?[0] {
                0x80 => self.protocol()?,
                0x95 => self.skip_frame()?,
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => _ = self.pop()?,
                b'N' => self.push(Object::Nothing),
                0x88 => self.push(Object::Bool(true)),
                0x89 => self.push(Object::Bool(false)),
                b'K' => self.integer(1)?,
                b'M' => self.integer(2)?,
                b'J' => self.integer(4)?,
                0x8a => self.long()?,
                b'U' | b'C' => self.bytes(1)?,
                b'T' | b'B' => self.bytes(4)?,
                0x8e => self.bytes(8)?,
                0x8c => self.text(1)?,
                b'X' => self.text(4)?,
                0x8d => self.text(8)?,
                b'}' => self.push(Object::Dict(Vec::new())),
                b']' => self.push(Object::List(Vec::new())),
                b')' => self.push(Object::Tuple(Vec::new())),
                b't' => self.tuple_of_marked()?,
                0x85 => self.tuple_of(1)?,
                0x86 => self.tuple_of(2)?,
                0x87 => self.tuple_of(3)?,
                b'a' => self.append(1)?,
                b'e' => self.append_marked()?,
                b's' => self.set_items(2)?,
                b'u' => self.set_marked_items()?,
                b'q' => self.put(1)?,
                b'r' => self.put(4)?,
                0x94 => self.memoize()?,
                b'h' => self.get(1)?,
                b'j' => self.get(4)?,
                b'c' => self.global()?,
                0x93 => self.stack_global()?,
                b'R' => self.reduce()?,
                b'b' => self.build()?,
                other => return Err(format!("instruction {other:#04x}, which no batch of images needs")),
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let rest = &self.file[self.at..];
        if count > rest.len() {
            return Err(format!("the file ends here, {count} more bytes were announced"));
        }
        self.at += count;
        Ok(&rest[..count])
    }

    /// An unsigned number of 1 to 8 bytes, lowest first.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn count(&mut self, bytes: usize) -> Result<usize, String> {
        usize::try_from(self.number(bytes)?).map_err(|_| "a length beyond all memory".into())
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.number(1)? {
            0..=4 => Ok(()),
            other => Err(format!("pickle protocol {other}, expected at most 4 (the official files have 2)")),
        }
    }

    fn skip_frame(&mut self) -> Result<(), String> {
        self.take(8).map(|_| ())
    }

    fn push(&mut self, object: Object<'a>) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("the stack is empty".into());
        }
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn top(&self) -> Result<Id, String> {
        self.stack.last().copied().ok_or_else(|| "the stack is empty".into())
    }

    /// What was pushed since the last mark.
    fn marked(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or("no mark on the stack")?))
    }

    /// The last `count` objects.
    fn last(&mut self, count: usize) -> Result<Vec<Id>, String> {
        let from = self.stack.len().checked_sub(count).ok_or("the stack is empty")?;
        Ok(self.stack.split_off(from))
    }

    fn integer(&mut self, bytes: usize) -> Result<(), String> {
        let value = self.number(bytes)?;
        // only those of four bytes have a sign
        let value = if bytes == 4 { i64::from(value as u32 as i32) } else { value as i64 };
        self.push(Object::Int(value));
        Ok(())
    }

    fn long(&mut self) -> Result<(), String> {
        let bytes = self.count(1)?;
        if bytes > 8 {
            return Err("an integer of more than 64 bits".into());
        }
        let value = self.number(bytes)?;
        let unused = 64 - 8 * bytes as u32;
        let value = if bytes == 0 { 0 } else { ((value << unused) as i64) >> unused };
        self.push(Object::Int(value));
        Ok(())
    }

    fn bytes(&mut self, length_bytes: usize) -> Result<(), String> {
        let length = self.count(length_bytes)?;
        let bytes = self.take(length)?;
        self.push(Object::Bytes(Cow::Borrowed(bytes)));
        Ok(())
    }

    fn text(&mut self, length_bytes: usize) -> Result<(), String> {
        let length = self.count(length_bytes)?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "a text that is not UTF-8")?;
        self.push(Object::Text(text));
        Ok(())
    }

    fn tuple_of(&mut self, count: usize) -> Result<(), String> {
        let items = self.last(count)?;
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn tuple_of_marked(&mut self) -> Result<(), String> {
        let items = self.marked()?;
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn append(&mut self, count: usize) -> Result<(), String> {
        let new = self.last(count)?;
        self.extend_list(new)
    }

    fn append_marked(&mut self) -> Result<(), String> {
        let new = self.marked()?;
        self.extend_list(new)
    }

    fn extend_list(&mut self, new: Vec<Id>) -> Result<(), String> {
        let list = self.top()?;
        let Object::List(items) = &mut self.objects[list] else { return Err("no list to append to".into()) };
        items.extend(new);
        Ok(())
    }

    fn set_items(&mut self, count: usize) -> Result<(), String> {
        let new = self.last(count)?;
        self.extend_dict(&new)
    }

    fn set_marked_items(&mut self) -> Result<(), String> {
        let new = self.marked()?;
        self.extend_dict(&new)
    }

    fn extend_dict(&mut self, new: &[Id]) -> Result<(), String> {
        let dict = self.top()?;
        let Object::Dict(entries) = &mut self.objects[dict] else { return Err("no dictionary to fill".into()) };
        entries.extend(new.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(())
    }

    fn put(&mut self, bytes: usize) -> Result<(), String> {
        let (place, top) = (self.count(bytes)?, self.top()?);
        self.memo.insert(place, top);
        Ok(())
    }

    fn memoize(&mut self) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(self.memo.len(), top);
        Ok(())
    }

    fn get(&mut self, bytes: usize) -> Result<(), String> {
        let place = self.count(bytes)?;
        self.stack.push(*self.memo.get(&place).ok_or("a reference to nothing")?);
        Ok(())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.file[self.at..].iter().take(256).position(|byte| *byte == b'\n');
        let line = self.take(length.ok_or("a name without end")? + 1)?;
        std::str::from_utf8(&line[..line.len() - 1]).map_err(|_| "a name that is not UTF-8".into())
    }

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        self.push(Object::Global(module, name));
        Ok(())
    }

    fn stack_global(&mut self) -> Result<(), String> {
        let names = self.last(2)?;
        let (Object::Text(module), Object::Text(name)) = (&self.objects[names[0]], &self.objects[names[1]]) else {
            return Err("a name that is no text".into());
        };
        let global = Object::Global(module, name);
        self.push(global);
        Ok(())
    }

    fn reduce(&mut self) -> Result<(), String> {
        let pair = self.last(2)?;
        let (callable, arguments) = (pair[0], pair[1]);
        let call = match self.latin1(callable, arguments) {
            Some(bytes) => Object::Bytes(Cow::Owned(bytes)),
            None => Object::Call { callable, arguments, state: None },
        };
        self.push(call);
        Ok(())
    }

    /// Python 3 writes bytes in protocol 2 as `_codecs.encode(text, "latin1")`.
    fn latin1(&self, callable: Id, arguments: Id) -> Option<Vec<u8>> {
        let Object::Global("_codecs", "encode") = self.objects[callable] else { return None };
        let Object::Tuple(arguments) = &self.objects[arguments] else { return None };
        let [text, encoding] = arguments[..] else { return None };
        let (Object::Text(text), Object::Text("latin1")) = (&self.objects[text], &self.objects[encoding]) else {
            return None;
        };
        text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
    }

    fn build(&mut self) -> Result<(), String> {
        let new = self.last(1)?[0];
        let top = self.top()?;
        let Object::Call { state, .. } = &mut self.objects[top] else { return Err("no object to build".into()) };
        *state = Some(new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_width() {
        // {"x": [1, 300, -2, 2^40, -1]}
        let file = b"\x80\x02}U\x01x](K\x01M\x2c\x01J\xfe\xff\xff\xff\x8a\x06\0\0\0\0\0\x01\x8a\x01\xffes.";
        assert_eq!(Dict::read(file).unwrap().integers("x").unwrap(), [1, 300, -2, 1 << 40, -1]);
    }

    #[test]
    fn nonsense_is_refused_at_its_place() {
        for (file, message) in [
            (&b"\x80\x02}"[..], "byte 3: the file ends here"),
            (b"\x80\x05}.", "byte 2: pickle protocol 5"),
            (b"N.", "expected a dictionary"),
            (b"}T\xff\xff\xff\x7f", "byte 6: the file ends here, 2147483647 more bytes"),
            (b"}e", "byte 2: no mark"),
            (b"(.", "byte 2: the stack is empty"),
            (b"}i", "instruction 0x69"),
            (b"h\x07", "a reference to nothing"),
        ] {
            let why = Dict::read(file).unwrap_err();
            assert!(why.contains(message), "{why}");
        }
        let empty = Dict::read(b"}.").unwrap();
        assert_eq!(empty.integers("labels").unwrap_err(), "has no entry `labels`");
        assert!(Dict::read(b"}U\x01xNs.").unwrap().bytes("x").unwrap_err().contains("not an array"));
    }
}

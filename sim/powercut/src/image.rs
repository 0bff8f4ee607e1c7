//! What a power cut leaves behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Operation;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Numbers that repeat with their seed: SplitMix64 (G. Steele, D. Lea, C. Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// How much of what was not flushed is there.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Nothing,
    Everything,
    /// Each operation, or not.
    Operations,
    /// Each sector of each write, or not.
    Sectors,
}

#[derive(Default)]
struct File<'o> {
    /// What is on the disk for certain; none: no such file.
    flushed: Option<Vec<u8>>,
    pending: Vec<&'o Operation>,
}

/// Writes the files as they may be after these operations.
pub fn write(past: &[(PathBuf, Operation)], seed: u64, folder: &Path) -> std::io::Result<()> {
    let mut files: BTreeMap<&Path, File<'_>> = BTreeMap::new();
    for (path, operation) in past {
        if matches!(operation, Operation::FlushNames) {
            files.values_mut().for_each(File::settle_name);
            continue;
        }
        files.entry(path).or_default().happen(operation);
    }
    let mut dice = Dice(seed);
    for (path, file) in files {
        let Some(bytes) = file.after_cut(&mut dice) else { continue };
        let name = path.file_name().unwrap_or_default();
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

impl<'o> File<'o> {
    fn happen(&mut self, operation: &'o Operation) {
        match operation {
            Operation::Found(bytes) => self.flushed.clone_from(bytes),
            Operation::Flush => {
                let mut bytes = self.flushed.take();
                for operation in self.pending.drain(..) {
                    apply(&mut bytes, operation, |_| true);
                }
                // A flush makes an empty file be there, too.
                self.flushed = Some(bytes.unwrap_or_default());
            }
            Operation::Delete { flushed: true } => *self = File::default(),
            _ => self.pending.push(operation),
        }
    }

    /// What was deleted is gone for good, with all that was written to it before.
    fn settle_name(&mut self) {
        let deleted =
            self.pending.iter().rposition(|operation| matches!(operation, Operation::Delete { .. }));
        if let Some(deleted) = deleted {
            self.pending.drain(..=deleted);
            self.flushed = None;
        }
    }

    fn after_cut(self, dice: &mut Dice) -> Option<Vec<u8>> {
        let luck = match dice.below(4) {
            0 => Luck::Nothing,
            1 => Luck::Everything,
            2 => Luck::Operations,
            _ => Luck::Sectors,
        };
        let mut bytes = self.flushed;
        for operation in self.pending {
            match luck {
                Luck::Nothing => {}
                Luck::Everything => apply(&mut bytes, operation, |_| true),
                Luck::Operations if dice.coin() => apply(&mut bytes, operation, |_| true),
                Luck::Operations => {}
                Luck::Sectors => apply(&mut bytes, operation, |_| dice.coin()),
            }
        }
        bytes
    }
}

/// Does an operation; of a write only the sectors that `reaches` says.
fn apply(file: &mut Option<Vec<u8>>, operation: &Operation, mut reaches: impl FnMut(usize) -> bool) {
    match operation {
        Operation::Write { offset, bytes } => {
            let (mut from, end) = (*offset, offset + bytes.len());
            while from < end {
                let to = end.min((from / SECTOR + 1) * SECTOR);
                if reaches(from / SECTOR) {
                    put(file.get_or_insert_default(), from, &bytes[from - offset..to - offset]);
                }
                from = to;
            }
        }
        Operation::Truncate(size) if reaches(0) => file.get_or_insert_default().resize(*size, 0),
        Operation::Delete { .. } if reaches(0) => *file = None,
        _ => {}
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn write(offset: usize, byte: u8, length: usize) -> Operation {
        Operation::Write { offset, bytes: vec![byte; length] }
    }

    fn after(operations: &[Operation], seed: u64) -> Option<Vec<u8>> {
        let mut file = File::default();
        operations.iter().for_each(|operation| file.happen(operation));
        file.after_cut(&mut Dice(seed))
    }

    #[test]
    fn what_was_flushed_is_there() {
        for seed in 0..100 {
            let file = after(&[write(0, 1, 700), Operation::Flush, write(700, 2, 700)], seed).unwrap();
            assert!(file.len() >= 700 && file[..700].iter().all(|byte| *byte == 1), "seed {seed}");
        }
    }

    #[test]
    fn what_was_not_flushed_may_be_there_in_any_part() {
        let operations = [write(0, 0, 2_048), Operation::Flush, write(0, 1, 1_024), write(1_024, 2, 1_024)];
        let seen: std::collections::BTreeSet<Vec<u8>> = (0..400)
            .map(|seed| after(&operations, seed).unwrap().iter().step_by(SECTOR).copied().collect())
            .collect();
        assert_eq!(seen.len(), 16, "every subset of four sectors: {seen:?}");
    }

    #[test]
    fn a_sector_is_whole() {
        let operations = [write(0, 1, 512), Operation::Flush, write(0, 2, 512)];
        for seed in 0..100 {
            let file = after(&operations, seed).unwrap();
            assert!(file.iter().all(|byte| *byte == file[0]), "seed {seed}");
        }
    }

    #[test]
    fn a_file_that_was_never_flushed_may_be_gone() {
        let seen: std::collections::BTreeSet<bool> =
            (0..20).map(|seed| after(&[Operation::Found(None), write(0, 1, 9)], seed).is_some()).collect();
        assert_eq!(seen.len(), 2);
    }
}

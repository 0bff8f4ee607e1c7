//! The VFS: the system's own, with every change written down first.
//!
//! The files are opened by the default VFS, in the memory that SQLite gives for them; only the table of their methods is replaced, by a
//! copy in which five functions are ours. They write down what happens and call the functions of the original table.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use libsqlite3_sys as ffi;

use crate::{Disk, Failure, Operation};

/// A file that is open, by the address of its `sqlite3_file`.
struct Open {
    disk: &'static Disk,
    path: PathBuf,
    /// The methods of the default VFS, a table that lives as long as the process.
    methods: &'static ffi::sqlite3_io_methods,
    /// The table that stands in the file; it lives until the file is closed.
    own: *mut ffi::sqlite3_io_methods,
    /// The first flush of a log or journal that may be new flushes the names in its directory, too.
    flushes_names: bool,
}

// SAFETY: `own` is only used under the lock of the map that holds this, and points to memory that belongs to it.
unsafe impl Send for Open {}

static OPEN: LazyLock<Mutex<HashMap<usize, Open>>> = LazyLock::new(Mutex::default);

fn open_files() -> MutexGuard<'static, HashMap<usize, Open>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file behind a pointer that SQLite gives to one of our methods.
fn file_of(file: *mut ffi::sqlite3_file) -> (&'static Disk, PathBuf, &'static ffi::sqlite3_io_methods) {
    let open = open_files();
    match open.get(&(file as usize)) {
        Some(open) => (open.disk, open.path.clone(), open.methods),
        // Our methods stand in no other file. A panic must not leave through C.
        None => std::process::abort(),
    }
}

/// Adds the VFS to SQLite.
pub fn register(disk: &'static Disk) {
    let name = CString::new(disk.name()).expect("a name without zero bytes");
    // SAFETY: the default VFS lives as long as the process, and so does its copy, which is leaked. Its functions are called with the copy as
    // first argument by SQLite; those of the default VFS that are kept look at `mxPathname` alone there.
    let answer = unsafe {
        ffi::sqlite3_initialize();
        let parent = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!parent.is_null(), "SQLite has no default VFS");
        let mut own = std::ptr::read(parent);
        own.pNext = std::ptr::null_mut();
        own.zName = name.into_raw();
        own.pAppData = std::ptr::from_ref(disk).cast_mut().cast::<c_void>();
        own.xOpen = Some(open);
        own.xDelete = Some(delete);
        ffi::sqlite3_vfs_register(Box::leak(Box::new(own)), 0)
    };
    assert_eq!(answer, ffi::SQLITE_OK, "SQLite takes the VFS");
}

/// The disk of a VFS of ours.
///
/// # Safety
/// `vfs` is one that [`register`] made.
unsafe fn disk_of(vfs: *mut ffi::sqlite3_vfs) -> &'static Disk {
    // SAFETY: `register` put a `&'static Disk` there.
    unsafe { &*(*vfs).pAppData.cast::<Disk>() }
}

fn parent() -> *mut ffi::sqlite3_vfs {
    // SAFETY: takes no pointers but null, which means the default.
    unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) }
}

/// The path that SQLite names.
///
/// # Safety
/// `name` is a string that ends with a zero byte.
unsafe fn path_of(name: *const c_char) -> PathBuf {
    // SAFETY: see above.
    PathBuf::from(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let watched =
        flags & (ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
    // SAFETY: SQLite calls this with the VFS of ours, a name that is null or a string, and room for a file of the default VFS, since our
    // `szOsFile` is its. The arguments are handed on as they came. After success `pMethods` is a table that lives as long as the process.
    unsafe {
        let parent = parent();
        let before = (watched && !name.is_null()).then(|| std::fs::read(path_of(name)).ok());
        let Some(parent_open) = (*parent).xOpen else { return ffi::SQLITE_CANTOPEN };
        let answer = parent_open(parent, name, file, flags, out_flags);
        let (Some(before), false) = (before, answer != ffi::SQLITE_OK || (*file).pMethods.is_null()) else {
            return answer;
        };
        let (disk, path) = (disk_of(vfs), path_of(name));
        {
            let mut state = disk.state();
            if !state.operations.iter().any(|(known, _)| *known == path) {
                state.operations.push((path.clone(), Operation::Found(before)));
            }
        }
        let methods: &'static ffi::sqlite3_io_methods = &*(*file).pMethods;
        let mut own = std::ptr::read(methods);
        own.xClose = Some(close);
        own.xWrite = Some(write);
        own.xTruncate = Some(truncate);
        own.xSync = Some(sync);
        let own = Box::into_raw(Box::new(own));
        (*file).pMethods = own;
        let may_be_new = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let is_log = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
        open_files()
            .insert(file as usize, Open { disk, path, methods, own, flushes_names: may_be_new && is_log });
        answer
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let parent = parent();
        let (disk, path) = (disk_of(vfs), path_of(name));
        let mut state = disk.state();
        let Some(parent_delete) = (*parent).xDelete else { return ffi::SQLITE_IOERR_DELETE };
        let answer = parent_delete(parent, name, sync_dir);
        if answer == ffi::SQLITE_OK {
            state.operations.push((path, Operation::Delete { flushed: sync_dir != 0 }));
        }
        answer
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let Some(open) = open_files().remove(&(file as usize)) else { std::process::abort() };
    // SAFETY: the file is open, and gets back the table that the default VFS gave it. Nobody else has ours.
    unsafe {
        (*file).pMethods = open.methods;
        drop(Box::from_raw(open.own));
        open.methods.xClose.map_or(ffi::SQLITE_IOERR_CLOSE, |close| close(file))
    }
}

/// What a failing disk answers to a write.
fn refused(failure: Option<Failure>) -> Option<c_int> {
    match failure {
        Some(Failure::Full) => Some(ffi::SQLITE_FULL),
        Some(Failure::Broken) => Some(ffi::SQLITE_IOERR_WRITE),
        _ => None,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    data: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let (disk, path, methods) = file_of(file);
    let mut state = disk.state();
    if let Some(answer) = refused(state.failure) {
        return answer;
    }
    let (Ok(length), Ok(place)) = (usize::try_from(amount), usize::try_from(offset)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite gives `amount` bytes at `data`; the file is open, and the method is that of the VFS that opened it.
    unsafe {
        let bytes = std::slice::from_raw_parts(data.cast::<u8>(), length).to_vec();
        let answer =
            methods.xWrite.map_or(ffi::SQLITE_IOERR_WRITE, |write| write(file, data, amount, offset));
        if answer == ffi::SQLITE_OK {
            state.operations.push((path, Operation::Write { offset: place, bytes }));
        }
        answer
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let (disk, path, methods) = file_of(file);
    let mut state = disk.state();
    if let Some(answer) = refused(state.failure) {
        return answer;
    }
    // SAFETY: the file is open, and the method is that of the VFS that opened it.
    let answer =
        unsafe { methods.xTruncate.map_or(ffi::SQLITE_IOERR_TRUNCATE, |truncate| truncate(file, size)) };
    if answer == ffi::SQLITE_OK {
        state.operations.push((path, Operation::Truncate(usize::try_from(size).unwrap_or(0))));
    }
    answer
}

/// The file isn't flushed really: what counts is what is written down.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    let (disk, path, _) = file_of(file);
    let mut state = disk.state();
    if state.failure.is_some() {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    state.operations.push((path.clone(), Operation::Flush));
    let flushes_names =
        open_files().get_mut(&(file as usize)).is_some_and(|open| std::mem::take(&mut open.flushes_names));
    if flushes_names {
        state.operations.push((path, Operation::FlushNames));
    }
    ffi::SQLITE_OK
}

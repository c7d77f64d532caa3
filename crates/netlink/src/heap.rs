//! What a process keeps of the memory that it has freed.

/// From this size on, in bytes, a piece of memory is the kernel's again as soon as it is freed.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 64 << 10;
/// How much free memory may be left at the heap's end, in bytes.
#[cfg(target_env = "gnu")]
const SPARE: libc::c_int = 128 << 10;
/// How many heaps threads may share.
#[cfg(target_env = "gnu")]
const HEAPS: libc::c_int = 2;

/// Has freed memory go back to the kernel soon. A table of the kernel, or a listing of the store, has thousands of entries,
/// is read whole and thrown away; glibc would get used to pieces of that size, and keep them (mallopt(3),
/// `M_MMAP_THRESHOLD`): a quarter of an agent's memory on a network of 10,000. Other libraries are left as they are.
///
/// For the start of a program: before it has threads.
pub fn give_back_freed() {
    #[cfg(target_env = "gnu")]
    for (setting, value) in
        [(libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, SPARE), (libc::M_ARENA_MAX, HEAPS)]
    {
        // SAFETY: mallopt takes two numbers, and takes its own lock. One that it does not want it leaves out.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(setting, value);
        }
    }
}

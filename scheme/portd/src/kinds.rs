//! The kinds of drivers that a description may name.

use driver::Kind;

/// All of them. A new driver is a line here.
pub fn kinds() -> Vec<Kind> {
    vec![
        driver_null::KIND,
        driver_zero::KIND,
        driver_pass::KIND,
        driver_ramdisk::KIND,
        driver_partition::KIND,
        driver_stripe::KIND,
        driver_mirror::KIND,
        driver_crypt::KIND,
        driver_cache::KIND,
        driver_fault::KIND,
        driver_trace::KIND,
        driver_namecache::KIND,
        driver_quota::KIND,
        driver_perms::KIND,
        driver_tmpfs::KIND,
        driver_redoxfs::KIND,
        service::FILE,
        service::RANGELOCK,
    ]
}

//! The driver as a service of its own: `/scheme/tally`, on the disk that `portd` serves.

use std::{error::Error, sync::Arc};

use driver::Lower;
#[cfg(not(target_os = "redox"))]
use host as _;
use service::{Remote, Service};
use tally::Tally;

fn main() -> Result<(), Box<dyn Error>> {
    let disk = Lower::on(&Arc::new(Remote::connect("/scheme/port/disk")?));
    let mut service = Service::single("tally", Arc::new(Tally(disk, Default::default())))?;
    service.publish()?;
    Ok(service.run()?)
}

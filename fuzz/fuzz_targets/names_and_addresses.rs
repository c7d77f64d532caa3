//! Words that people type: what is taken is written back as something that means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{
    fmt::{Debug, Display},
    net::IpAddr,
    str::FromStr,
};
use weft_ipam::AddressPool;
use weft_model::{EndpointName, IfName, IpNet, MacAddr, NetworkId, NetworkName, NodeName, Subnet, Vni};

fn check<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Debug + Display,
{
    match text.parse::<T>() {
        Ok(value) => assert_eq!(value.to_string().parse::<T>().expect("it was written by us"), value),
        // A hostile word must not fill the terminal.
        Err(error) => assert!(error.to_string().len() < 2000),
    }
}

fuzz_target!(|text: &str| {
    check::<NetworkName>(text);
    check::<NodeName>(text);
    check::<EndpointName>(text);
    check::<NetworkId>(text);
    check::<IfName>(text);
    check::<MacAddr>(text);
    check::<Vni>(text);
    check::<IpNet>(text);
    let _ = text.parse::<AddressPool>();
    if let Ok(pool) = text.parse::<IpNet>()
        && Subnet::check_pool(pool).is_ok()
    {
        let gateway: IpAddr = Subnet::default_gateway(pool);
        assert!(pool.contains(&gateway) && gateway != pool.network());
    }
});

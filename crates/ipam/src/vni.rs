//! Choosing a VNI.

use weft_model::Vni;

/// Every VNI from 256 up is in use. The last is no network's: [`Vni::PROBES`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("every VNI from 256 to 16777214 is in use: remove a network")]
pub struct NoFreeVni;

/// The smallest VNI from 256 up for which `taken` is false.
///
/// # Errors
/// [`NoFreeVni`] if there is none.
pub fn free_vni(taken: impl Fn(Vni) -> bool) -> Result<Vni, NoFreeVni> {
    std::iter::successors(Some(Vni::FIRST_AUTOMATIC), |vni| vni.next())
        .find(|&vni| vni != Vni::PROBES && !taken(vni))
        .ok_or(NoFreeVni)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_free() {
        assert_eq!(free_vni(|_| false), Ok(Vni::FIRST_AUTOMATIC));
        assert_eq!(free_vni(|vni| vni.get() != 258).unwrap().get(), 258);
        assert_eq!(free_vni(|_| true), Err(NoFreeVni));
        assert_eq!(free_vni(|vni| vni != Vni::PROBES), Err(NoFreeVni));
    }
}

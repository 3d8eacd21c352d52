//! Ports over handles against the model: random steps.

use proptest::prelude::*;

use crate::{
    pair::{Step, walk},
    setup::world,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ports_over_handles_do_as_the_model(steps in prop::collection::vec(any::<Step>(), 1..400)) {
        let world = world();
        world.client(7, 7, || walk("/scheme/port/user/7/", steps));
    }
}

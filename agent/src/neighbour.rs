//! The neighbour agent: the edge to a port in the same protection domain. It does nothing but
//! call, and says whose row costs go to while somebody reads them.

use alloc::sync::Arc;

use crate::{
    call::{Call, Origin},
    count::{Counts, LayerId},
    direct::Direct,
    exchange::sealed::Holder,
    port::Port,
    record::Record,
    request::{Outcome, Request},
    status::Status,
    wait::Wait,
};

/// An edge to a neighbour.
pub struct Neighbour<B: 'static> {
    port: Direct<dyn Port<B>>,
    layer: LayerId,
}

impl<B: 'static> Clone for Neighbour<B> {
    fn clone(&self) -> Self {
        Neighbour { port: self.port.clone(), layer: self.layer }
    }
}

impl<B: 'static> Neighbour<B> {
    /// An edge to `port`, whose row in a meter is `layer`.
    pub fn new(port: Arc<dyn Port<B>>, layer: LayerId) -> Neighbour<B> {
        Neighbour { port: port.into(), layer }
    }

    /// The port itself.
    pub fn port(&self) -> &Arc<dyn Port<B>> {
        self.port.owner()
    }

    /// The row of the layer that this edge leads to.
    pub fn layer(&self) -> LayerId {
        self.layer
    }

    /// A call on behalf of another message, or of nobody ([`Origin::root`]).
    #[inline]
    pub fn call(&self, origin: &mut Origin, wait: &dyn Wait, call: &mut Call<'_, B>) -> Status {
        call.run_from(origin, self, wait)
    }

    #[cold]
    fn metered<'s>(&'s self, mut request: Request<'s, B>) -> Outcome<'s, B> {
        let before = request.record().layer();
        request.record_mut().switch_layer(self.layer);
        if let Some(meter) = request.record_mut().meter() {
            meter.count(Counts { messages: 1, ..Counts::default() });
        }
        request.through_done(&*self.port, |record: &mut Record<B>| record.switch_layer(before))
    }
}

impl<B: 'static> Port<B> for Neighbour<B> {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        if request.record().is_metered() {
            return self.metered(request);
        }
        self.port.begin(request)
    }
}

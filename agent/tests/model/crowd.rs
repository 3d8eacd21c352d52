//! All that runs in a case with several threads: ports, receivers, senders.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use agent::{
    Call, Contained, Data, Errno, Exchange, Kept, Mailbox, Receiver, Serialized, SpinPort, Status,
    ThreadPort,
};

use crate::{
    crew::{Crew, Load, Tally, Target, Unwinds, Wish},
    sender::{Park, Sender},
    threads::{SENDERS, Script, Service},
};

/// All that runs in a case.
pub(crate) struct Crowd {
    script: Script,
    pub(crate) tally: Arc<Tally>,
    targets: Vec<Target>,
    mailbox: Target,
    spin: Arc<SpinPort<Load>>,
    threaded: Arc<ThreadPort<Load, Crew>>,
    bare: Arc<Crew>,
    gated: Arc<Serialized<Load, Crew>>,
    gated_contained: Arc<Serialized<Load, Crew, Unwinds>>,
    contained: Arc<Contained<Load, Crew, Unwinds>>,
    top: Arc<Serialized<Load, Crew>>,
    /// Every sender is through.
    over: AtomicBool,
}

impl Crowd {
    pub(crate) fn new(script: Script) -> (Crowd, Receiver<Load>) {
        let (tally, catch) = (Arc::<Tally>::default(), Arc::new(Unwinds));
        let crew = |lower: Option<&Target>| Crew::new(&tally, lower);
        let (mailbox, receiver) = Mailbox::new(script.limit);
        let (mailbox, spin): (Target, _) = (mailbox, SpinPort::new(script.limit));
        let bare = Arc::new(crew(None));
        let low: Target = bare.clone();
        let contained = Arc::new(Contained::new(crew(Some(&mailbox)).contained(), catch.clone()));
        let gated = Serialized::new(crew(Some(&low)).alone()).with_limit(script.limit);
        let gated = Arc::new(gated);
        let driver = crew(Some(&(spin.clone() as Target))).alone().contained();
        let gated_contained = Arc::new(Serialized::contained(driver, catch));
        let threaded = ThreadPort::new(crew(Some(&(gated.clone() as Target))).alone());
        let threaded = Arc::new(threaded.with_limit(script.limit));
        let over_threaded: Target = threaded.clone();
        let top = Arc::new(Serialized::new(crew(Some(&over_threaded)).alone()));
        let targets: Vec<Target> = vec![
            mailbox.clone(),
            spin.clone(),
            low,
            contained.clone(),
            gated.clone(),
            gated_contained.clone(),
            threaded.clone(),
            top.clone(),
        ];
        let over = AtomicBool::new(false);
        let crowd = Crowd {
            script,
            tally,
            targets,
            mailbox,
            spin,
            threaded,
            bare,
            gated,
            gated_contained,
            contained,
            top,
            over,
        };
        (crowd, receiver)
    }

    pub(crate) fn target(&self, to: u8) -> &Target {
        &self.targets[usize::from(to) % self.targets.len()]
    }

    /// What becomes of a message that somebody has received.
    fn serve(&self, mut kept: Kept<Load>, turn: usize) {
        let services = &self.script.services;
        match services[turn % services.len()] {
            Service::Forward(to) if kept.body().forwards < 4 && kept.body().wish != Wish::Stop => {
                kept.body_mut().forwards += 1;
                kept.forward(self.target(to));
            }
            Service::LetGo => drop(kept),
            _ => kept.done(Status::OK),
        }
    }

    fn check_room(&self, waiting: usize) {
        // Callers find room in any case.
        if waiting > self.script.limit + SENDERS + 1 {
            self.tally.wrong(format!("{waiting} messages wait"));
        }
    }

    fn serve_mailbox(&self, receiver: Receiver<Load>) {
        let closes = self.script.closes.unwrap_or(usize::MAX);
        for turn in 0..closes {
            self.check_room(receiver.len());
            let kept = receiver.wait(&Park);
            if kept.body().wish == Wish::Stop {
                return kept.done(Status::OK);
            }
            let id = kept.id();
            if receiver.drop_message(id) != Err(Errno::ENOENT) {
                self.tally.wrong("a message is dropped that does not wait");
            }
            self.serve(kept, turn);
        }
    }

    fn serve_spin(&self) {
        let mut turn = 0;
        while let Some(kept) = self.spin.wait(&Park) {
            self.check_room(self.spin.len());
            self.serve(kept, turn);
            turn += 1;
        }
    }

    /// Completes what the drivers keep.
    fn serve_stores(&self) {
        let stores = [
            &*self.bare,
            self.gated.inner(),
            self.gated_contained.inner(),
            self.contained.inner(),
            self.threaded.inner(),
            self.top.inner(),
        ];
        let mut turn = 0;
        while !self.over.load(SeqCst) {
            for store in stores {
                if let Some(kept) = store.stored(turn % 2 == 0) {
                    self.serve(kept, turn);
                }
                turn += 1;
            }
            thread::yield_now();
        }
    }

    /// Lets every sender end, then everyone else.
    pub(crate) fn run(&self, receiver: Receiver<Load>) {
        thread::scope(|scope| {
            scope.spawn(|| self.threaded.run(&Park));
            scope.spawn(|| self.serve_mailbox(receiver));
            scope.spawn(|| self.serve_spin());
            scope.spawn(|| self.serve_spin());
            scope.spawn(|| self.serve_stores());
            let senders: Vec<_> = (self.script.senders.iter())
                .map(|deeds| scope.spawn(|| Sender::new(self).run(deeds)))
                .collect();
            senders.into_iter().for_each(|sender| sender.join().expect("a sender panics"));
            // What nobody waits for any more is on its way still.
            while self.tally.alive.load(SeqCst) > 0 {
                thread::yield_now();
            }
            self.over.store(true, SeqCst);
            Call::new(Load::new(&self.tally, Wish::Stop), Data::NONE).run(&*self.mailbox, &Park);
            self.spin.close();
            self.threaded.close();
        });
    }
}

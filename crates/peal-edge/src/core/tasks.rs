//! The small tasks of a core: outbox, inbox, timer, sweep.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use peal_hub::BrokerEvent;
use tokio::sync::mpsc;

use super::inbox::ToCore;
use super::{Core, accept, flush, guard};
use crate::mux::{ToMux, probe_topic};

/// How often connections that are closing but take no bytes are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// Carries the hub's actions to the mux, everything since the last time in one message.
pub(crate) async fn outbox(core: Rc<Core>) {
    loop {
        core.outbox_filled.notified().await;
        tokio::task::yield_now().await;
        let actions = core.take_outbox();
        if !actions.is_empty() && !core.node.mux.send(ToMux::Actions { core: core.index, actions }).await {
            return;
        }
    }
}

/// Takes what others send to this core. Never waits for the mux, so the mux may wait for it. Ends at `Stop`.
pub(crate) async fn inbox(core: Rc<Core>, mut messages: mpsc::Receiver<ToCore>) {
    while let Some(message) = messages.recv().await {
        if matches!(message, ToCore::Stop) {
            return;
        }
        guard::step("inbox", || take(&core, message));
    }
}

fn take(core: &Rc<Core>, message: ToCore) {
    match message {
        ToCore::Broker(events) => {
            for event in events {
                broker_event(core, event);
            }
        }
        ToCore::Directory(directory) => core.with_hub(|hub, now| hub.directory(now, directory)),
        ToCore::Socket(socket, peer) => accept::adopt(core, socket, peer),
        ToCore::Ask(question) => core.with_hub(question),
        ToCore::Drain(drain) => core.with_hub(|hub, now| hub.drain(now, drain)),
        ToCore::StopListening => core.deaf.notify_waiters(),
        ToCore::Close => core.closing.notify_waiters(),
        ToCore::Stop => {}
    }
}

fn broker_event(core: &Rc<Core>, event: BrokerEvent) {
    if let BrokerEvent::Deliveries(batch) = &event
        && batch.iter().any(|delivery| delivery.topic == probe_topic())
    {
        core.node.probes[core.index].store(core.now().mono_ms.max(1), Ordering::Relaxed);
    }
    core.with_hub(|hub, now| hub.broker(now, event));
}

/// Lets the hub see time pass.
pub(crate) async fn timer(core: Rc<Core>) {
    loop {
        let armed = core.armed_ms();
        if armed == u64::MAX {
            core.timer_changed.notified().await;
        } else {
            // Both branches are cancellation-safe; an earlier deadline starts over.
            tokio::select! {
                () = tokio::time::sleep_until(core.node.clock.instant(armed)) => {}
                () = core.timer_changed.notified() => continue,
            }
        }
        guard::step("timer", || core.with_hub(|hub, now| hub.tick(now)));
        core.rearm();
    }
}

/// Cuts connections that had their last word queued but take no bytes.
pub(crate) async fn sweep(core: Rc<Core>) {
    let mut every = tokio::time::interval(SWEEP);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let now_ms = core.now().mono_ms;
        let closing = std::mem::take(&mut core.sockets.borrow_mut().closing);
        for handle in closing {
            let Some(socket) = core.sockets.borrow().get(handle) else { continue };
            let deadline = core.hub.borrow_mut().queue(handle).and_then(|queue| queue.closing()).map(|closing| closing.deadline_ms);
            match deadline {
                Some(deadline_ms) if now_ms < deadline_ms => core.sockets.borrow_mut().closing.push(handle),
                Some(_) | None => {
                    guard::step("sweep", || flush::close(&core, &socket));
                }
            }
        }
    }
}

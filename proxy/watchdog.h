// systemd's watchdog (WatchdogSec=): its beat comes only while every event loop answers.
#pragma once

#include "base/io/task.h"
#include "base/store/event_log.h"

namespace sallyport::proxy {

class Gateway;

// Runs on the loop of the main thread, which it watches by running there. The cores are asked four times
// in the interval that systemd gives; one that has not answered the question before withholds the beat,
// and a note says which. Returns at once where systemd wants no beat. The references outlive the loop.
io::Task<> keep_watchdog(Gateway& gateway, store::EventLog& events);

}  // namespace sallyport::proxy

// How the reply table is written: a refusal, its name in events, the reply as the client reads it ({}
// stands for the detail), and when it is given or what to do. For base/mail/replies.cpp and the tables
// alone.
#pragma once

#include <array>

#include "base/mail/replies.h"

namespace sallyport::mail::refusals {

using enum Refusal;

struct RefusalRow {
  Refusal refusal;
  const char* name;
  const char* reply;
  const char* help;
};

}  // namespace sallyport::mail::refusals

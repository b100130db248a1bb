// What one try of a non-blocking operation came to: done, must wait for the descriptor, or failed.
//
// Transports (the socket itself, TLS on it) only ever try; Socket::drive() does all the waiting.
#pragma once

#include <cstddef>
#include <utility>

#include "base/result.h"

namespace sallyport::io {

struct Attempt {
  enum class State { done, needs_input, needs_room, failed };

  State state = State::done;
  std::size_t bytes = 0;
  Error error;

  static Attempt done(std::size_t bytes = 0) { return {State::done, bytes, {}}; }
  static Attempt needs_input() { return {State::needs_input, 0, {}}; }
  static Attempt needs_room() { return {State::needs_room, 0, {}}; }
  static Attempt failed(Error error) { return {State::failed, 0, std::move(error)}; }
};

}  // namespace sallyport::io

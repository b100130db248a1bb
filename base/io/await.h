// How base/io waits for Asio: results as values, and everything on the one kind of executor we have.
//
// Asio takes a coroutine over once it is suspended, and allocates for it then. If that threw, Asio would
// have to post the coroutine's destruction, in a destructor, which allocates again: it is memory that is
// needed.
//
// For the sources of base/io and of dns alone.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/io/task.h"
#include "base/needed_memory.h"

namespace sallyport::io {

// The completion token: co_await something.async_wait(kAwait).
struct Await {};
inline constexpr Await kAwait;

using SteadyTimer = boost::asio::steady_timer::rebind_executor<Executor>::other;

}  // namespace sallyport::io

template <class... Results>
class boost::asio::async_result<sallyport::io::Await, void(Results...)> {
 public:
  template <class Initiation, class... Arguments>
  static auto initiate(Initiation initiation, sallyport::io::Await, Arguments... arguments) {
    // Not `use_awaitable`, which makes a coroutine of every wait.
    auto token = as_tuple(deferred);
    return async_initiate<decltype(token), void(Results...)>(
        [initiation = std::move(initiation)](auto&& handler, auto&&... rest) mutable {
          const sallyport::NeededMemory needed;
          std::move(initiation)(std::forward<decltype(handler)>(handler),
                                std::forward<decltype(rest)>(rest)...);
        },
        token, std::move(arguments)...);
  }
};

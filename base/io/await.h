// How base/io waits for Asio: results as values, and everything on the one kind of executor we have.
//
// For the sources of base/io alone.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/io/task.h"

namespace sallyport::io {

// Not `use_awaitable`: that one is for any_io_executor.
inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable_t<Executor>());

using SteadyTimer = boost::asio::steady_timer::rebind_executor<Executor>::other;

}  // namespace sallyport::io

#include "base/io/together.h"

#include <exception>
#include <memory>

namespace sallyport::io {
namespace {

// Shared, for a loop that is destroyed destroys the caller and its tasks in any order.
struct Gathering {
  Gathering(const Executor& executor, std::size_t tasks) : running(tasks), all_ended(executor) {}
  std::size_t running;
  std::exception_ptr first;
  Signal all_ended;

  void ended(const std::exception_ptr& thrown) {
    if (thrown && !first) first = thrown;
    if (--running == 0) all_ended.notify();
  }
};

Task<> take_part(std::shared_ptr<Gathering> gathering, Task<> task) {
  std::exception_ptr thrown;
  try {
    co_await std::move(task);
  } catch (...) {
    thrown = std::current_exception();
  }
  gathering->ended(thrown);
}

}  // namespace

Task<> together(std::vector<Task<>> tasks) {
  static TaskGroup group(nullptr);  // what they throw comes out here
  const Executor executor = co_await this_executor();
  const auto gathering = std::make_shared<Gathering>(executor, tasks.size());
  for (Task<>& task : tasks) group.spawn(executor, "together", take_part(gathering, std::move(task)));
  while (gathering->running > 0) co_await gathering->all_ended.wait(TimePoint::max());
  if (gathering->first) std::rethrow_exception(gathering->first);
}

}  // namespace sallyport::io

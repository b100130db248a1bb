// What happens when there is no memory: most allocations throw, and cost the session that wanted them;
// where nothing can be given up they wait.
//
// Nothing can be given up in a destructor, at the start of a task, while Asio takes over a suspended
// coroutine, on a thread of our own, and in the log. There stands a NeededMemory: while it lives,
// `operator new` on this thread tries again every millisecond instead of throwing std::bad_alloc. If memory
// never comes the loop does not answer, and the watchdog ends the process.
#pragma once

namespace sallyport {

// Never across a co_await: it belongs to the thread.
class NeededMemory {
 public:
  NeededMemory() noexcept;
  ~NeededMemory();
  NeededMemory(const NeededMemory&) = delete;
  NeededMemory& operator=(const NeededMemory&) = delete;

  // For code that may be called from inside such a scope and can be given up again: a task that starts.
  static void no_longer() noexcept;

 private:
  bool before_;
};

// Once, at the start of the program: without it every allocation throws.
void wait_for_needed_memory() noexcept;

}  // namespace sallyport

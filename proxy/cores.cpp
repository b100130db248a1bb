#include "proxy/cores.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>

#include "base/needed_memory.h"

namespace sallyport::proxy {
namespace {

io::Task<> answer(std::atomic<bool>* answered) {
  answered->store(true);
  co_return;
}

}  // namespace

void Cores::start(int count) {
  if (count <= 0) count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  for (int i = 0; i < count; ++i) {
    cores_.push_back(std::make_unique<Core>());
    Core& core = *cores_.back();
    core.thread = std::thread([&core] { core.loop.run(); });
    pthread_setname_np(core.thread.native_handle(), fmt::format("core {}", i).c_str());
  }
}

void Cores::stop() {
  for (auto& core : cores_) core->loop.stop();
  for (auto& core : cores_) core->thread.join();
  cores_.clear();
}

io::Executor Cores::next() const {
  return cores_[next_.fetch_add(1, std::memory_order_relaxed) % cores_.size()]->loop.executor();
}

Cores::Core* Cores::find(const io::Executor& executor) const {
  const auto core =
      std::ranges::find_if(cores_, [&](const auto& one) { return one->loop.executor() == executor; });
  return core == cores_.end() ? nullptr : core->get();
}

std::optional<int> Cores::silent(io::TaskGroup& tasks) const {
  const NeededMemory needed;
  std::optional<int> silent;
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    Core& core = *cores_[i];
    if (core.answered.exchange(false))
      tasks.spawn(core.loop.executor(), "answer", answer(&core.answered));
    else if (!silent)
      silent = static_cast<int>(i);
  }
  return silent;
}

}  // namespace sallyport::proxy

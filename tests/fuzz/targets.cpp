#include "tests/fuzz/targets.h"

#include <algorithm>

namespace sallyport::fuzz {

std::span<const Target> all_targets() {
  static const std::array targets = {
      Target{"answer", answer, answer_letters()},
      Target{"chunks", chunks, chunk_letters()},
      Target{"command_line", command_line, command_letters()},
      Target{"configuration", configuration, configuration_letters()},
      Target{"data", data, content_letters()},
      Target{"header", header, header_letters()},
      Target{"parameters", parameters, parameter_letters()},
      Target{"path", path, path_letters()},
      Target{"proxy_header", proxy_header, proxy_header_letters()},
      Target{"replies", replies, reply_letters()},
      Target{"session", session, session_letters()},
      Target{"spf", spf, spf_letters()},
  };
  return targets;
}

const Target* find_target(std::string_view name) {
  const auto targets = all_targets();
  const auto found = std::ranges::find(targets, name, &Target::name);
  return found == targets.end() ? nullptr : &*found;
}

}  // namespace sallyport::fuzz

#include "dns/answer.h"

#include <utility>

namespace sallyport::dns {

std::string_view to_string(Status status) {
  switch (status) {
    case Status::found:
      return "found";
    case Status::no_data:
      return "NODATA";
    case Status::nx_domain:
      return "NXDOMAIN";
    case Status::serv_fail:
      return "SERVFAIL";
    case Status::timeout:
      return "timeout";
    case Status::refused:
      return "REFUSED";
    case Status::unreachable:
      return "unreachable";
    case Status::malformed:
      return "malformed answer";
    case Status::exhausted:
      return "not asked: over budget";
  }
  std::unreachable();
}

bool is_void(Status status) { return status == Status::no_data || status == Status::nx_domain; }

Answer answer_without_records(Status status, Name owner) {
  Answer answer;
  answer.status = status;
  answer.owner = std::move(owner);
  return answer;
}

bool is_temporary(Status status) { return status != Status::found && !is_void(status); }

}  // namespace sallyport::dns

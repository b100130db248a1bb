#include "base/store/file_error.h"

#include <cerrno>

#include "base/io/system_error.h"

namespace sallyport::store {
namespace {

Errc meaning(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
      return Errc::no_space;
    case ENOENT:
      return Errc::not_found;
    default:
      return Errc::io;
  }
}

}  // namespace

Error file_error(std::string_view what, int number) {
  return fail(meaning(number), io::describe_errno(what, number));
}

}  // namespace sallyport::store

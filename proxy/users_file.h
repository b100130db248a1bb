// The file of users as it is written: a line `name:hash` each, the hash in any form of crypt(3) that is
// told by a method ($...$). Blank lines, and lines that begin with `#`, are comments.
//
// Pure; views point into the text.
#pragma once

#include <string_view>

#include "policy/list_file.h"

namespace sallyport::proxy {

struct UserLine {
  std::string_view name;
  std::string_view hash;
  // Why nobody can log in by this line, "" if somebody can. The words show nothing of the line, which may
  // be a password.
  std::string_view fault;
  int line = 0;
  int column = 0;  // of what is at fault
};

class UserReader {
 public:
  explicit UserReader(std::string_view file) : lines_(file) {}
  bool next(UserLine& user);         // whatever is no comment
  bool next_usable(UserLine& user);  // by which somebody can log in

 private:
  policy::ListReader lines_;
};

}  // namespace sallyport::proxy

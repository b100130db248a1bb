// The version, as meson.build has it.
#pragma once

namespace sallyport {

inline constexpr const char* kVersion = SALLYPORT_VERSION;

}  // namespace sallyport

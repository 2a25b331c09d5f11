// cachemodel: which release this is.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace cachemodel {

/// The release by semantic versioning. Before 1.0 there is no promise about the ABI, but one about
/// the entries in a cache: what the release before or after wrote is read, or is a miss.
inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;
inline constexpr std::string_view version_text = "0.1.0";

}  // namespace cachemodel

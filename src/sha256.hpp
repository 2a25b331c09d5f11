// cachemodel: the digest of keys.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string_view>

namespace cachemodel::detail {

/// SHA-256. Also while the process exits.
std::array<unsigned char, 32> sha256(std::string_view bytes) noexcept;

}  // namespace cachemodel::detail

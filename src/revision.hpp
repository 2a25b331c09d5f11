// cachemodel: which state of an entry an object was read from.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/origin.hpp>

#include <string_view>

#include "envelope.hpp"

namespace cachemodel::detail {

/// The state of a sound entry; neither none nor that of a part.
Revision revision_of(const OpenedEntry& entry) noexcept;
/// The same for an entry as it was sent; none where it is not sound.
Revision revision_of(std::string_view bytes, const EntryKey& key) noexcept;

}  // namespace cachemodel::detail

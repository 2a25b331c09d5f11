// cachemodel: looks at one entry, and tells what a reader makes of it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/load_terms.hpp>
#include <cachemodel/explanation.hpp>

#include <functional>
#include <optional>
#include <string>

#include "envelope.hpp"

namespace cachemodel::detail {

/// Who would read the entry.
struct Reader {
    LoadRules rules = {};
    bool has_loader = false;
    std::string flight_key = {};  ///< under which failed loads are remembered
    bool takes_counters = false;
    /// Why the value cannot be read, if so. Errors: `std::bad_alloc`, `TooManyObjects`.
    std::function<std::optional<MissReason>(const OpenedEntry&)> decode = {};
};

/// Counts nothing; where the backend can peek it is no use of the entry either. Also through a view
/// that bypasses the cache.
///
/// Errors: `InvalidKey`, those of the reader.
Explanation explain_entry(const Cache& cache, const EntryKey& key, const Reader& reader);

}  // namespace cachemodel::detail

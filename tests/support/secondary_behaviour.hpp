// cachemodel: what finding models by secondary keys does, whatever their cache is made of.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

namespace cachemodel::support {

/// Checks it on an empty cache of any kind that compares and sets. To be called from a Catch2 test
/// case, of which it opens the sections.
void check_secondary_behaviour(const Cache& cache);

}  // namespace cachemodel::support

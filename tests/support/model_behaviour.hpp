// cachemodel: what models do, whatever their cache is made of.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

namespace cachemodel::support {

/// Checks the behaviour of models on an empty cache of any kind. To be called from a Catch2 test
/// case, of which it opens the sections.
void check_model_behaviour(const Cache& cache);

/// The same for models with a loader.
void check_loader_behaviour(const Cache& cache);

}  // namespace cachemodel::support

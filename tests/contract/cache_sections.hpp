// cachemodel: the parts that the contract of caches consists of.
// SPDX-License-Identifier: MIT
#pragma once

#include "contract/cache_contract.hpp"

namespace cachemodel::contract::of_caches {

// Each opens sections of the calling test case. Where a capability decides, it is followed.
void entries(const Cache& cache);
void nulls(const Cache& cache);
void types(const Cache& cache);
void bytes(const Cache& cache);
void lifetimes(const Cache& cache, const CacheContractOptions& options);
void touches(const Cache& cache, const CacheContractOptions& options);
void counters(const Cache& cache, const CacheContractOptions& options);
void lists(const Cache& cache, const CacheContractOptions& options);
void versions(const Cache& cache, const CacheContractOptions& options);
void keys(const Cache& cache);
void made_values(const Cache& cache, const CacheContractOptions& options);

}  // namespace cachemodel::contract::of_caches

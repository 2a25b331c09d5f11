// cachemodel: the parts that the contract of backends consists of.
// SPDX-License-Identifier: MIT
#pragma once

#include "contract/backend_contract.hpp"

#include <cachemodel/backend.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::contract {

// Each opens sections of the calling test case. What a backend says that it cannot do is left out,
// and `capabilities` sees to it that it says so when it is asked.
void values(Backend& backend, const ContractOptions& options);
void sizes(Backend& backend);
void keys(Backend& backend);
void batches(Backend& backend);
void conditional_writes(Backend& backend);
void lifetimes(Backend& backend, const ContractOptions& options);
void counters(Backend& backend, const ContractOptions& options);
void listings(Backend& backend);
void capabilities(Backend& backend);

/// A key that nobody has used before, not even an earlier process on the same server.
std::string new_key(std::string_view name);

std::vector<Outcome> store_many(Backend& backend, Store how, const std::vector<Entry>& entries);

bool all_done(const std::vector<Outcome>& outcomes);

}  // namespace cachemodel::contract

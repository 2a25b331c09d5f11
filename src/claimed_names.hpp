// cachemodel: names that belong to one source file.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <unordered_map>

#include "at_fork.hpp"

namespace cachemodel::detail {

/// The names under which functions and classes that only one source file knows use a cache: two
/// files may have some of the same name, whose entries must not mix.
///
/// Thread safety: may be called concurrently.
class ClaimedNames {
 public:
    using Owner = std::array<const char*, 2>;

    /// False where the name is another owner's.
    bool claim(const std::string& name, const Owner& owner) {
        const std::lock_guard lock{mutex_};
        return owners_.try_emplace(name, owner).first->second == owner;
    }

 private:
    ForkSafe<std::mutex> mutex_;
    std::unordered_map<std::string, Owner> owners_;
};

}  // namespace cachemodel::detail

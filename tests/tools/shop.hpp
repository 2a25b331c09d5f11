// cachemodel: a small cache in files, with an entry of each kind.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/process.hpp"
#include "tools/tool.hpp"

#include <string>
#include <string_view>
#include <vector>

// Not in a namespace, which would be part of its name in the cache.
struct Country {
    cachemodel::Key<std::string> code;
    cachemodel::Field<std::string> name;
    cachemodel::Field<std::vector<std::string>> neighbours;
};

namespace cachemodel::support {

/// `file://`, the prefix "shop". All was written on 2026-03-01 at half past three, and lives for
/// ever.
class Shop {
 public:
    Shop();

    std::string url() const { return url_; }
    /// That of the test, for more files.
    std::string directory() const { return directory_.path().string(); }
    /// Where `url` has the path of this test, documents have /var/cache/shop.
    std::string as_documented(std::string text) const;
    const Cache& cache() const noexcept { return cache_; }
    /// The bytes under a key of the cache.
    std::string bytes(std::string_view key) const;

 private:
    TemporaryDirectory directory_;
    std::string url_;
    testing::TurnableClock clock_;
    Cache cache_;
};

}  // namespace cachemodel::support

// cachemodel: a small cache in files, with an entry of each kind.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/process.hpp"
#include "tools/tool.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "envelope.hpp"

// Not in a namespace, which would be part of its name in the cache.
struct Country {
    cachemodel::Key<std::string> code;
    cachemodel::Field<std::string> name;
    cachemodel::Field<std::vector<std::string>> neighbours;
};

struct Parcel {
    static constexpr cachemodel::ModelOptions cache_options{
        .expires = std::chrono::hours{1},
        .remember_missing = std::chrono::minutes{1},
        .early_refresh = 1,
    };
    /// Called by the loader, where it is set.
    static inline std::function<void()> while_loading = nullptr;

    cachemodel::Key<int> number;
    cachemodel::Field<std::string> street;

    /// There is none of number 2.
    void from_miss() {
        if (while_loading) while_loading();
        if (number == 2) throw cachemodel::Missing{};
        street = std::to_string(*number) + " High Street";
    }
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
    /// Puts a model's entry there that says this, written when all the others were.
    void put(std::string_view key, detail::Envelope envelope, std::string_view body) const;
    /// Parcels: 1 was removed, 2 is known to be missing, 3 is over.
    void put_parcels() const;
    /// The bytes under a key of the cache.
    std::string bytes(std::string_view key) const;

 private:
    TemporaryDirectory directory_;
    std::string url_;
    testing::TurnableClock clock_;
    Cache cache_;
};

}  // namespace cachemodel::support

// cachemodel example: named caches, and where they keep their entries.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>

using namespace cachemodel;

// [model]
struct Rate {
    static constexpr ModelOptions cache_options{.cache = "rates"};  // CacheModel<Rate> lives there
    Key<std::string> pair;
    Field<double> value;
};
// [/model]

int main() {
    // [configure]
    caches().configure("default", "memory://?max_bytes=16MiB");
    caches().configure("rates", "memory://rates?key_prefix=site1");
    // [/configure]

    CacheModel{Rate{.pair = "EURUSD", .value = 1.25}}.save();
    std::cout << CacheModel<Rate>::get("EURUSD").value << '\n';

    // [wrong]
    try {
        caches().configure("rates", "memory://?max_byte=16MiB");
    } catch (const ConfigError& error) {
        std::cout << error.what() << '\n';
    }
    // [/wrong]

    // [views]
    const Cache cache = caches()["rates"];
    const Models<Rate> elsewhere{cache.with_prefix("site2")};
    std::cout << elsewhere.exists("EURUSD") << '\n';

    const Models<Rate> in_transaction{cache.bypass()};  // reads nothing, stores nothing, removes
    std::cout << in_transaction.exists("EURUSD") << in_transaction.remove("EURUSD") << '\n';
    // [/views]
}

// cachemodel: processes that keep the prices of one table in one cache.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/scheduler.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cachemodel::support {

/// Where prices come from. Each change makes one that was never there before. To read and to change
/// it is a step.
struct PriceTable {
    std::optional<int> price = 1;
    bool is_read_in_a_step = true;  ///< else together with the step before

    int read() const {
        if (is_read_in_a_step) Orders::step();
        if (!price) throw Missing{};
        return *price;
    }
    int change() {
        Orders::step();
        price = price.value_or(0) + 1;
        return *price;
    }
};

/// Each cache that it makes is as of a process of its own.
///
/// What is read is compared with the price that was there when the last removal or save that has
/// ended began: from then on nothing older may be read.
struct PriceRig {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> store =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<SteppingBackend> backend;
    PriceTable table;
    int outdated = 0;  ///< how many reads gave something older

    PriceRig() : PriceRig([](std::shared_ptr<Backend> plain) { return plain; }) {}
    /// `around` gives what stands between the store and the caches.
    template <class Around>
    explicit PriceRig(Around around) : backend(std::make_shared<SteppingBackend>(around(store))) {
        backend->before_call = [this] {
            if (!oldest_then()) oldest_then() = oldest_;
        };
    }

    Cache process(std::shared_ptr<Executor> executor = nullptr) {
        return Cache{backend,
                     {.executor = std::move(executor), .seed = ++processes_, .clock = clock}};
    }

    /// What an actor reads. It begins with its first call of the cache.
    template <class Read>
    void read(Read do_read) {
        oldest_then() = std::nullopt;
        const int price = do_read();
        if (oldest_then() && price < *oldest_then()) outdated += 1;
    }
    /// Removed, or saved, since the table had this price.
    void ended(int price) noexcept { oldest_ = std::max(oldest_, price); }

 private:
    static std::optional<int>& oldest_then() {
        static thread_local std::optional<int> oldest;
        return oldest;
    }

    int oldest_ = 0;
    std::uint64_t processes_ = 0;
};

/// The current price where nothing is cached.
inline constexpr int nothing_cached = 1'000'000;

/// A price as a program reads it that does not load.
struct PriceRow {
    static constexpr ModelOptions cache_options{.name = "Price"};

    Key<std::string> name;
    Field<int> cents;
};

inline int cached_price(const Models<PriceRow>& rows, const char* name = "tea") {
    const auto found = rows.find(name);
    return found.found() ? *found->cents : nothing_cached;
}

/// One that is loaded on the terms that `options()` gives, always under the same key.
template <auto options>
struct Price {
    static constexpr ModelOptions cache_options = options();

    Key<std::string> name;
    Field<int> cents;

    void from_miss(PriceTable& table) { cents = table.read(); }
};

}  // namespace cachemodel::support

// cachemodel: the demo: exchange rates, which change.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/changed_rows.hpp"
#include "demo/database.hpp"
#include "demo/source.hpp"

#include <cachemodel/field.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/model.hpp>
#include <cachemodel/models.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace demo {

/// A row of the table `rate`, or that there is none.
struct RateRow {
    struct Columns {
        std::string currency;
        std::int64_t cents;
    };

    std::int64_t id;
    std::optional<Columns> columns;
};

/// What a unit of a currency costs.
struct Rate {
    static constexpr cachemodel::ModelOptions cache_options{.expires = std::chrono::minutes{10}};

    cachemodel::Key<std::int64_t> id;
    cachemodel::Field<std::string> currency;
    cachemodel::Field<std::int64_t> cents;

    void from_miss(Source& source);
    void from_source(const RateRow& row);
};

using Rates = cachemodel::Models<Rate, Source&>;

/// Makes the table and rates for some currencies. None of them are real.
void make_rates(Connection& database, int count);

RateRow read_rate(Connection& database, std::int64_t id);

/// Brings the cache up to what the database says of the rows that were changed. Returns how many of
/// them it was told; the others are to be told again.
std::size_t tell_cache(const Rates& rates, Connection& database, ChangedRows& changed);

}  // namespace demo

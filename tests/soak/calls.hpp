// cachemodel: the soak: what is done to a cached function, and to what `get_or_set` keeps.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

#include "soak/changes.hpp"
#include "soak/hand.hpp"
#include "soak/judging.hpp"
#include "soak/models.hpp"

#include <string>

namespace cachemodel::soak {

/// Thread safety: one thread at a time.
class Calls {
 public:
    Calls(Hand& hand, Changes& changes, const Cache& cache)
        : hand_(hand),
          changes_(changes),
          judge_(hand.source(), hand.outages()),
          cache_(cache),
          quotes_(cache, quote_options) {}

    void use_quotes();
    void use_offers();

 private:
    void call_quote();
    void peek_quote();
    void prefetch_quotes();
    void refresh_quote();
    void get_offer(int id);

    void check(Operation operation, int id, const Lookup<Quote>& quote, Interval read) const;

    Hand& hand_;
    Changes& changes_;
    const Judge judge_;
    const Cache cache_;
    const Quotes quotes_;
};

}  // namespace cachemodel::soak

// cachemodel: the soak: what is done to models with a loader. That the cache fails must not show.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/models.hpp>

#include "soak/changes.hpp"
#include "soak/hand.hpp"
#include "soak/judging.hpp"
#include "soak/models.hpp"

#include <string>
#include <vector>

namespace cachemodel::soak {

/// Thread safety: one thread at a time.
class Loaded {
 public:
    Loaded(Hand& hand, Changes& changes, const Cache& cache)
        : hand_(hand),
          changes_(changes),
          judge_(hand.source(), hand.outages()),
          accounts_(cache, hand.source()),
          orders_(cache, hand.source()),
          parcels_(cache, hand.source()),
          members_(cache, hand.source()),
          products_(cache, hand.source()),
          prices_(cache, hand.source()),
          rates_(cache, hand.source()) {}

    void use_accounts();
    void use_orders();
    void use_parcels();
    void use_members();
    void use_products();
    void use_prices();
    void use_rates();

 private:
    template <class M>
    using Door = Models<M, Source&>;

    template <class M>
    void get(Operation operation, const Door<M>& models);
    template <class M>
    void find(Operation operation, const Door<M>& models);
    template <class M>
    void get_many(Operation operation, const Door<M>& models);
    template <class M>
    void change_and_remove(Operation operation, const Door<M>& models);

    void find_member();
    void find_members();
    void get_stored_product();
    void push_price();
    void push_prices();

    template <class M>
    void check(Operation operation, int id, const Lookup<M>& answer, Interval read) const;
    void check_by(Operation operation, const std::string& alias, int id,
                  const Lookup<Member>& answer, Interval read) const;
    /// One that the member with this id had, or has.
    std::string some_alias(int id);
    /// Tells the cache what the row says now.
    Changes::Tell push_of(int id) const;

    Hand& hand_;
    Changes& changes_;
    const Judge judge_;
    const Door<Account> accounts_;
    const Door<Order> orders_;
    const Door<Parcel> parcels_;
    const Door<Member> members_;
    const Door<Product> products_;
    const Door<Price> prices_;
    const Door<Rate> rates_;
};

}  // namespace cachemodel::soak

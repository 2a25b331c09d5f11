// cachemodel: threads that take turns, in every order there is.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include "support/decorators.hpp"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::support {

/// Somebody in a test who does something in so many steps.
struct Actor {
    /// Who takes fewer is idle for the rest, so that every order has as many steps; more are a
    /// failure of the test.
    std::size_t steps;
    std::function<void()> work;
    /// Whether he is idle for the rest; otherwise there are fewer orders, and nobody knows how
    /// many.
    bool idles = true;
};

/// Lets actors, each in a thread of its own, do the same again and again, until they have done it
/// in every order there is:
///
///     Orders orders;
///     while (orders.next()) {
///         Rig rig;
///         orders.play({{2, [&] { … }}, {3, [&] { … }}});
///         CHECK(…);
///     }
///     CHECK(orders.count() == 10);
///
/// Only one of them runs at a time, from one `step` to its next one. Which one goes on is decided
/// when all the others stand before a step, have ended, or wait at a condition variable, as who
/// waits for another's load does.
///
/// What they do must depend on nothing but the order.
class Orders {
 public:
    /// Whether there is another order to be tried.
    bool next();
    /// Tries it. Ends the program where all actors sleep and nobody is left to wake them.
    ///
    /// Errors: `std::logic_error` where an actor took too many steps, or the orders so far did not
    /// determine who could go on; what an actor throws.
    void play(const std::vector<Actor>& actors);

    /// How many orders were tried.
    std::size_t count() const noexcept { return count_; }
    /// The order that was tried last: the places of the actors, one for each step.
    std::string shown() const;

    /// To be called by an actor before it does what others can see. Of other threads it is no
    /// matter.
    static void step();
    /// Whether the calling thread is an actor's.
    static bool has_actor() noexcept;

 private:
    /// Who could go on, and who did.
    struct Decision {
        std::vector<std::size_t> choices;
        std::size_t at = 0;

        std::size_t chosen() const noexcept { return choices[at]; }
    };

    std::size_t decide(const std::vector<std::size_t>& choices);

    std::vector<Decision> decisions_;
    std::size_t depth_ = 0;
    std::size_t count_ = 0;
};

/// How many orders there are of actors with so many steps, of which none ever sleeps.
std::size_t orders_of(std::span<const std::size_t> steps);
inline std::size_t orders_of(std::initializer_list<std::size_t> steps) {
    return orders_of(std::span{steps.begin(), steps.size()});
}

/// Every call is a step.
class SteppingBackend final : public Decorator {
 public:
    using Decorator::Decorator;

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        begin();
        Decorator::get_many(keys, sink);
        if (after_read) after_read();
    }
    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        begin();
        Decorator::peek_many(keys, sink);
        if (after_read) after_read();
    }
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        begin();
        Decorator::store_many(how, entries, outcomes);
    }
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override {
        begin();
        Decorator::remove_many(keys, outcomes);
    }
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override {
        begin();
        Decorator::touch_many(keys, lifetime, outcomes);
    }

    std::function<void()> before_call;  ///< when it is this call's turn
    std::function<void()> after_read;

 private:
    void begin() const {
        Orders::step();
        if (before_call) before_call();
    }
};

}  // namespace cachemodel::support

// cachemodel: what one call has to say to one memcached server, and the answers.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include "backends/memcached_protocol.hpp"
#include "backends/memcached_server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cachemodel::memcached {

/// The positions, in the caller's list, of the keys that one server holds.
using Positions = std::span<const std::uint32_t>;

/// Questions and answers between one call and one server.
///
/// Questions are sent as the connection takes them and answered in order, so all of them together
/// cost one round trip. Every position gets its answer exactly once, from the server or by `fail`.
class Conversation {
 public:
    Conversation(Server& server, Positions positions) : server_(server), positions_(positions) {}
    virtual ~Conversation() = default;

    Conversation(Conversation&&) = default;

    /// Every position has its answer.
    bool is_over() const noexcept { return next_ == positions_.size(); }
    /// It holds a connection and waits for it.
    bool is_under_way() const noexcept { return lease_.is_held(); }

    /// Takes a connection, if there is one to be had without waiting; false if there is none.
    bool begin(TimePoint deadline, TimePoint now);
    /// Waits until `begin` is worth another try, at most until `deadline`.
    void await_connection(TimePoint deadline) { server_.wait(deadline); }

    /// What to poll; -1 where only time can help.
    int socket() noexcept { return events() == 0 ? -1 : lease_.connection().socket(); }
    short events() noexcept;
    TimePoint wakes_at(TimePoint deadline) noexcept;

    /// Does what can be done without waiting, after `ready` was polled.
    void advance(short ready, TimePoint now);

    /// Why there is no complete answer at the deadline.
    enum class Delay : std::uint8_t {
        silent,  ///< the server had nothing to say
        slow,    ///< it was about to go on when the deadline passed
        caller,  ///< it was ready, but this side came to look only after the deadline
    };
    /// The deadline has passed.
    void run_out_of_time(std::chrono::nanoseconds allowed, Delay delay);

 protected:
    const Server& server() const noexcept { return server_; }
    std::size_t count() const noexcept { return positions_.size(); }
    std::size_t position(std::size_t index) const noexcept { return positions_[index]; }

    /// Appends the question of the `index`th position, and of as many after it as belong to the
    /// same command; says how many that were.
    virtual std::size_t ask(std::size_t index, std::string& request) = 0;

    struct Heard {
        std::size_t used = 0;      ///< bytes of the answer that are done with
        std::size_t expected = 0;  ///< bytes that the next step needs in one piece, if known
        std::optional<Trouble::Kind> trouble;

        static Heard done(std::size_t used) { return {used, 0, {}}; }
        static Heard more(std::size_t expected = 0) { return {0, expected, {}}; }
        static Heard wrong(Trouble::Kind kind) { return {0, 0, kind}; }
    };
    /// Takes one step's worth off the front of `answer`. With `more`, more must come first.
    /// Moves `next_` on for every position that it answers.
    virtual Heard hear(std::string_view answer) = 0;

    virtual void fail(std::size_t position, const Failure& failure) = 0;

    /// Asking twice does no harm.
    virtual bool is_repeatable() const noexcept { return true; }

    std::size_t next_ = 0;     ///< the first without an answer
    std::size_t asked_ = 0;    ///< the first that was not asked for
    bool awaits_end_ = false;  ///< the last answer has more to come than positions

 private:
    bool converse(short ready, TimePoint now, std::optional<Trouble>& trouble);
    bool speak(std::optional<Trouble>& trouble);
    bool listen(std::optional<Trouble>& trouble);
    void give_up(const Trouble& trouble);
    void fail_rest(BackendFault fault, const std::string& what);

    Server& server_;
    Positions positions_;
    Lease lease_;
    bool is_second_try_ = false;
};

/// Reads entries.
class Reading final : public Conversation {
 public:
    Reading(Server& server, Positions positions, std::span<const std::string_view> keys,
            ReadSink& sink)
        : Conversation(server, positions), keys_(keys), sink_(sink) {}

 private:
    std::size_t ask(std::size_t index, std::string& request) override;
    Heard hear(std::string_view answer) override;
    void fail(std::size_t position, const Failure& failure) override;

    Heard hear_value(std::string_view line, std::string_view answer);
    std::size_t group_end(std::size_t index) const noexcept;
    bool take_value(std::string_view key, std::string_view value, std::uint64_t unique);

    std::span<const std::string_view> keys_;
    ReadSink& sink_;
    std::size_t group_end_ = 0;  ///< of the command that is being answered
};

/// Commands that are answered by one line each.
class Commanding : public Conversation {
 public:
    Commanding(Server& server, Positions positions, std::span<Outcome> outcomes)
        : Conversation(server, positions), outcomes_(outcomes) {}

 protected:
    virtual void command(std::size_t position, std::string& request) = 0;
    /// Nothing when `reply` is no answer to that command.
    virtual std::optional<Outcome> judge(std::size_t position, Reply reply) = 0;

 private:
    std::size_t ask(std::size_t index, std::string& request) final;
    Heard hear(std::string_view answer) final;
    void fail(std::size_t position, const Failure& failure) final;

    std::span<Outcome> outcomes_;
};

class Storing final : public Commanding {
 public:
    Storing(Server& server, Positions positions, std::span<Outcome> outcomes, Store how,
            std::span<const Entry> entries, std::size_t largest_value,
            std::chrono::system_clock::time_point now)
        : Commanding(server, positions, outcomes),
          how_(how),
          entries_(entries),
          largest_(largest_value),
          now_(now) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply) override;
    bool is_repeatable() const noexcept override { return how_ == Store::set; }

    Store how_;
    std::span<const Entry> entries_;
    std::size_t largest_;
    std::chrono::system_clock::time_point now_;
};

class Removing final : public Commanding {
 public:
    Removing(Server& server, Positions positions, std::span<Outcome> outcomes,
             std::span<const std::string_view> keys)
        : Commanding(server, positions, outcomes), keys_(keys) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply) override;

    std::span<const std::string_view> keys_;
};

class Touching final : public Commanding {
 public:
    Touching(Server& server, Positions positions, std::span<Outcome> outcomes,
             std::span<const std::string_view> keys, std::int64_t expiration)
        : Commanding(server, positions, outcomes), keys_(keys), expiration_(expiration) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply) override;

    std::span<const std::string_view> keys_;
    std::int64_t expiration_;
};

class Flushing final : public Commanding {
 public:
    using Commanding::Commanding;

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply) override;
};

/// The `ValueTooLarge` of one value, and what `limit` bytes a server takes under `key`.
Failure value_too_large(std::size_t size, std::size_t limit);

}  // namespace cachemodel::memcached

// cachemodel: what one call has to say to one memcached server, and the answers.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include "backends/memcached_protocol.hpp"
#include "net/conversation.hpp"

#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::memcached {

using net::Conversation;
using net::Positions;
using net::Server;

/// The tokens of one server of several that share the keys. Servers number their entries each for
/// itself: this makes their tokens differ.
class Tokens {
 public:
    /// Of the `number`th of `group` servers.
    Tokens(std::size_t number, std::size_t group) noexcept : number_(number), group_(group) {}

    /// The token of an entry that the server itself calls `unique`. Zero, which is no token, where
    /// the number is too large.
    std::uint64_t token_of(std::uint64_t unique) const noexcept;
    /// The other way; zero for the token of another server.
    std::uint64_t unique_of(std::uint64_t token) const noexcept;

 private:
    std::uint64_t number_;
    std::uint64_t group_;
};

/// Reads entries.
class Reading final : public Conversation {
 public:
    /// An entry of more than `max_item` bytes is not taken, and no memory is spent on it.
    Reading(Server& server, Positions positions, std::span<const std::string_view> keys,
            Tokens tokens, std::size_t max_item, ReadSink& sink)
        : Conversation(server, positions),
          keys_(keys),
          tokens_(tokens),
          max_item_(max_item),
          sink_(sink) {}

 private:
    std::size_t ask(std::size_t index, std::string& request) override;
    Heard hear(std::string_view answer) override;
    void fail(std::size_t position, const Failure& failure) override;
    bool has_answer(std::size_t index) const noexcept override;

    Heard hear_value(std::string_view line, std::string_view answer);
    void end_group() noexcept;
    std::size_t group_end(std::size_t index) const noexcept;
    /// The one without an answer that has this key; `group_end_` if there is none.
    std::size_t find(std::string_view key) const noexcept;
    bool take_value(std::string_view key, std::string_view value, std::uint64_t unique);

    /// A `gets` line stays below this: the server handles a longer one by a slower path.
    static constexpr std::size_t longest_command = 2000;

    std::span<const std::string_view> keys_;
    Tokens tokens_;
    std::size_t max_item_;
    ReadSink& sink_;
    // The keys of the command that is being answered. Their values may come in any order; one that
    // has not come is absent only when the server says that it has no more.
    std::size_t group_begin_ = 0;
    std::size_t group_end_ = 0;
    std::size_t expected_ = 0;  ///< the one after that whose value came last
    std::size_t missing_ = 0;   ///< keys without a value
    /// Those with one, from `group_begin_` on. Each key is a byte at least, and a space.
    std::bitset<longest_command / 2> found_;
};

/// Commands that are answered by one line each, unless a class has it otherwise.
class Commanding : public Conversation {
 public:
    Commanding(Server& server, Positions positions, std::span<Outcome> outcomes)
        : Conversation(server, positions), outcomes_(outcomes) {}

 protected:
    virtual void command(std::size_t position, std::string& request) = 0;
    /// `line` is the whole reply. Nothing when it is no answer to that command.
    virtual std::optional<Outcome> judge(std::size_t position, Reply reply,
                                         std::string_view line) = 0;

    std::size_t ask(std::size_t index, std::string& request) override;
    Heard hear(std::string_view answer) override;
    Outcome& outcome(std::size_t index) noexcept { return outcomes_[position(index)]; }

 private:
    void fail(std::size_t position, const Failure& failure) final;

    std::span<Outcome> outcomes_;
};

/// Stores entries. Several small ones are set without an answer to each where the server is known
/// to be able to: no answer but one at the end is that all are stored. Where there is any other,
/// all are set once more with an answer to each, as those that failed do not tell which they are.
///
/// What the server is, it is asked behind the answers of a first batch, on each connection.
class Storing final : public Commanding {
 public:
    Storing(Server& server, Positions positions, std::span<Outcome> outcomes, Store how,
            std::span<const Entry> entries, Tokens tokens, std::size_t largest_value,
            std::chrono::system_clock::time_point now)
        : Commanding(server, positions, outcomes),
          how_(how),
          entries_(entries),
          tokens_(tokens),
          largest_(largest_value),
          now_(now) {}
    Storing(Storing&&) = default;
    ~Storing() override;

 private:
    /// Of a connection.
    enum Dialect : std::uint8_t { unknown, without_quiet_sets, with_quiet_sets };

    void greet(bool is_new, std::string& request) override;
    std::size_t ask(std::size_t index, std::string& request) override;
    Heard hear(std::string_view answer) override;
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply, std::string_view line) override;
    bool is_repeatable() const noexcept override { return how_ == Store::set; }

    bool may_be_quiet() const noexcept;
    bool is_too_large(const Entry& entry) const noexcept {
        return entry.value.size() + entry.key.size() > largest_;
    }
    Heard hear_of_quiet(std::string_view line);
    Heard hear_what_it_is(std::string_view line);
    void learn(Dialect what);

    /// With fewer, an answer to each costs less than the one at the end.
    static constexpr std::size_t least_quiet = 4;
    /// What is larger is not set quietly: key and value, in bytes. The server must have room for it
    /// in one chunk.
    static constexpr std::size_t most_quiet = std::size_t{8} << 10;
    static constexpr std::size_t least_chunk = 2 * most_quiet;
    static constexpr int most_vain_questions = 3;

    Store how_;
    std::span<const Entry> entries_;
    Tokens tokens_;
    std::size_t largest_;
    std::chrono::system_clock::time_point now_;
    bool is_quiet_ = false;
    bool has_refused_ = false;  ///< at least one of those that were set quietly
    bool asks_what_it_is_ = false;
    bool has_large_chunks_ = false;
};

class Removing final : public Commanding {
 public:
    Removing(Server& server, Positions positions, std::span<Outcome> outcomes,
             std::span<const std::string_view> keys)
        : Commanding(server, positions, outcomes), keys_(keys) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply, std::string_view line) override;

    std::span<const std::string_view> keys_;
};

class Touching final : public Commanding {
 public:
    Touching(Server& server, Positions positions, std::span<Outcome> outcomes,
             std::span<const std::string_view> keys, std::int64_t expiration)
        : Commanding(server, positions, outcomes), keys_(keys), expiration_(expiration) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply, std::string_view line) override;

    std::span<const std::string_view> keys_;
    std::int64_t expiration_;
};

/// Adds to one counter, or subtracts from it.
class Counting final : public Commanding {
 public:
    Counting(Server& server, Positions positions, std::span<Outcome> outcomes, std::string_view key,
             std::int64_t delta, std::int64_t& value)
        : Commanding(server, positions, outcomes), key_(key), delta_(delta), value_(value) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply, std::string_view line) override;
    bool is_repeatable() const noexcept override { return false; }

    std::string_view key_;
    std::int64_t delta_;
    std::int64_t& value_;
};

/// Asks a server what it knows about itself.
class Inquiring final : public Conversation {
 public:
    /// Facts get `subject`.
    Inquiring(Server& server, Positions positions, std::span<Outcome> outcomes, std::string subject,
              std::vector<Fact>& facts)
        : Conversation(server, positions),
          outcomes_(outcomes),
          subject_(std::move(subject)),
          facts_(facts) {}

 private:
    std::size_t ask(std::size_t index, std::string& request) override;
    Heard hear(std::string_view answer) override;
    void fail(std::size_t position, const Failure& failure) override;

    std::span<Outcome> outcomes_;
    std::string subject_;
    std::vector<Fact>& facts_;
};

class Flushing final : public Commanding {
 public:
    using Commanding::Commanding;

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position, Reply reply, std::string_view line) override;
};

/// The `ValueTooLarge` of one value, and what `limit` bytes a server takes under `key`.
Failure value_too_large(std::size_t size, std::size_t limit);

}  // namespace cachemodel::memcached

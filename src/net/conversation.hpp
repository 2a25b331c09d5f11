// cachemodel: what one call has to say to one server, and the answers.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include "net/server.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cachemodel::net {

/// The positions, in the caller's list, of the keys that one server holds.
using Positions = std::span<const std::uint32_t>;

/// The longest answer whose size is not known from its beginning. The servers' own are far shorter.
inline constexpr std::size_t longest_line = 2048;

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

    /// Takes a connection, if there is one to be had without waiting; false if there is none. The
    /// call began `allowed` before `deadline`.
    bool begin(TimePoint deadline, std::chrono::nanoseconds allowed, TimePoint now);
    /// Waits until `begin` is worth another try, at most until `deadline`.
    void await_connection(TimePoint deadline) { server_.wait(deadline); }

    /// What to poll; -1 where only time can help.
    int socket() noexcept { return events() == 0 ? -1 : lease_.connection().socket(); }
    short events() noexcept;
    TimePoint wakes_at(TimePoint deadline) noexcept;

    /// Does what can be done without waiting, after `ready` was polled.
    void advance(short ready, TimePoint now) { advance(ready, now, false); }
    /// All is said, and an answer is to come: waits for it as `Connection::await` does. False where
    /// nothing came.
    bool await_answer(TimePoint now);

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

    /// A connection was taken. Appends what has to be said before the first question, where the
    /// connection is new.
    virtual void greet(bool /*is_new*/, std::string& /*request*/) {}

    /// Asks something else, of which the answer is to be heard before the conversation ends.
    void ask_more(std::string_view question) {
        lease_.connection().request() += question;
        awaits_end_ = true;
    }
    /// Of the connection.
    std::uint8_t& dialect() noexcept { return lease_.connection().dialect; }
    std::atomic<int>& vain_questions() noexcept { return server_.vain_questions; }

    /// The next question may be sent although there are answers to come.
    virtual bool may_ask() const noexcept { return true; }

    /// Appends the question of the `index`th position, and of as many after it as belong to the
    /// same command; says how many that were.
    virtual std::size_t ask(std::size_t index, std::string& request) = 0;

    struct Heard {
        std::size_t used = 0;      ///< bytes of the answer that are done with
        std::size_t expected = 0;  ///< bytes that the next step needs in one piece, if known
        std::optional<Trouble> trouble;

        static Heard done(std::size_t used) { return {used, 0, {}}; }
        static Heard more(std::size_t expected = 0) { return {0, expected, {}}; }
        static Heard nonsense() {
            return {0, 0, Trouble{Trouble::Kind::nonsense, "an answer that makes no sense"}};
        }
        static Heard wrong(Trouble trouble) { return {0, 0, std::move(trouble)}; }
    };
    /// Takes one step's worth off the front of `answer`. With `more`, more must come first.
    /// Moves `next_` on for every position that it answers.
    virtual Heard hear(std::string_view answer) = 0;

    virtual void fail(std::size_t position, const Failure& failure) = 0;

    /// One after the first without an answer has got its own: answers may come in another order.
    virtual bool has_answer(std::size_t /*index*/) const noexcept { return false; }

    /// Asking twice does no harm.
    virtual bool is_repeatable() const noexcept { return true; }

    std::size_t next_ = 0;     ///< the first without an answer
    std::size_t asked_ = 0;    ///< the first that was not asked for
    bool awaits_end_ = false;  ///< the last answer has more to come than positions

 private:
    void advance(short ready, TimePoint now, bool waits);
    bool converse(short ready, TimePoint now, bool waits, std::optional<Trouble>& trouble);
    bool speak(std::optional<Trouble>& trouble);
    bool listen(bool waits, std::optional<Trouble>& trouble);
    void give_up(const Trouble& trouble);
    void fail_rest(BackendFault fault, const std::string& what);

    Server& server_;
    Positions positions_;
    Lease lease_;
    bool is_second_try_ = false;
    /// The connection was had early enough for the server to be blamed: half of the call's time is
    /// left for an answer; for connecting, the time that it may take is enough as well.
    bool may_blame_silence_ = false;
    bool may_blame_connecting_ = false;
};

/// Lets the conversations take place, all at the same time, until they are over or `deadline` has
/// passed, which was `allowed` after the call began.
void run(std::span<Conversation* const> talks, TimePoint deadline,
         std::chrono::nanoseconds allowed);

}  // namespace cachemodel::net

// cachemodel: what is lent to loads in the background.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

namespace cachemodel::detail {

class Loans;

/// Owns, as a member or beside others, what loads in the background borrow. When it goes, those
/// that are running are waited for, and those that have not begun never do.
///
/// Thread safety: `loans` may be called concurrently.
class Lender {
 public:
    Lender();
    ~Lender();
    Lender(const Lender&) = delete;
    Lender& operator=(const Lender&) = delete;

    const std::shared_ptr<Loans>& loans() const noexcept { return loans_; }

 private:
    std::shared_ptr<Loans> loans_;
};

}  // namespace cachemodel::detail

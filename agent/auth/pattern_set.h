// A list of subject patterns, each perhaps for a queue only, as a tree of tokens.
//
// What is asked is walked without recursion and without allocation; a walk visits at most the
// nodes of the list. Filled once, then read only. Loop thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace petiole {

class PatternSet {
 public:
  // Longer ones are refused: see is_fit.
  static constexpr std::size_t kPatternBytesMax = 4096;
  // `pattern` or `pattern queue`, both valid subjects of bounded length.
  static bool is_fit(std::string_view entry);

  PatternSet() = default;
  // All entries must be fit.
  explicit PatternSet(std::vector<std::string_view> entries);

  bool empty() const { return nodes_.size() == 1; }

  struct Hits {
    bool plain = false;   // An entry without a queue.
    bool queued = false;  // One with a queue, whichever.
    bool queue = false;   // One whose queue pattern covers the queue asked for.
  };
  // Entries that receive `subject`, as it was published: wildcards in it are plain text.
  Hits match(std::string_view subject, std::string_view queue = {}) const {
    return walk(subject, queue, false);
  }
  // Entries that receive all that the pattern `subject` receives.
  Hits cover(std::string_view subject, std::string_view queue = {}) const {
    return walk(subject, queue, true);
  }

 private:
  struct Ends {  // The entries that end at one place of the tree.
    bool plain = false;
    std::vector<std::string> queues;
  };
  struct Node {
    std::vector<std::pair<std::string, std::uint32_t>> children;  // By token.
    std::uint32_t star = 0;                                       // 0: none.
    Ends here, tail;                                              // `tail`: with a `>` behind.
  };
  struct Step {
    std::uint32_t node;
    std::uint32_t position;  // Of the next token; kEnd: there is none.
  };

  void insert(std::string_view entry);
  std::uint32_t child(std::uint32_t node, std::string_view token);
  static void note(const Ends& ends, std::string_view queue, Hits& hits);
  Hits walk(std::string_view subject, std::string_view queue, bool as_pattern) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  mutable std::vector<Step> pending_;
};

}  // namespace petiole
